// Configuration keys, each defined once, as a member of the section that reads it:
//
//   struct SocketConfig : base::ConfigSection {
//     Key<std::int32_t> request_max_bytes{this, "socket.request.max.bytes", 104857600, {.min = 1},
//                                         Update::kReadOnly, "The largest request that is accepted."};
//   };
//
// load() takes Kafka's property names and refuses a bad value naming the key. A section lists its keys, so
// that DescribeConfigs and the documentation are printed from it.
//
// Threads: loaded once, then read by any. To change a section, load a new one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::base {

// The order of equal keys does not matter: the last one in a file wins, as in java.util.Properties.
using Properties = std::map<std::string, std::string, std::less<>>;

// Java's .properties format: comments, '=' or ':' or blank separators, continuation lines, escapes.
// ERRORS: kInvalidArgument naming the line.
Result<Properties> parse_properties(std::string_view text);

// How a broker config may be changed at run time (KIP-226).
enum class Update { kReadOnly, kPerBroker, kClusterWide };

// As DescribeConfigs numbers them.
enum class ConfigType : std::int8_t {
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9
};

struct Bounds {
  std::optional<double> min{};
  std::optional<double> max{};
  std::vector<std::string> one_of{};  // For strings, and for each element of a list.
};

class ConfigSection;

class ConfigKey {
 public:
  ConfigKey(ConfigSection* section, std::string_view name, ConfigType type, Bounds bounds, Update update,
            std::string_view doc);
  virtual ~ConfigKey() = default;
  ConfigKey(const ConfigKey&) = delete;
  ConfigKey& operator=(const ConfigKey&) = delete;

  std::string_view name() const { return name_; }
  ConfigType type() const { return type_; }
  Update update() const { return update_; }
  std::string_view doc() const { return doc_; }
  // Set by load(), as against the default.
  bool is_set() const { return is_set_; }
  virtual std::string default_text() const = 0;
  virtual std::string value_text() const = 0;
  // ERRORS: kInvalidArgument naming the key, the value and what is expected.
  virtual Result<> check(std::string_view text) const = 0;

 protected:
  friend class ConfigSection;
  virtual Result<> set(std::string_view text) = 0;
  const Bounds& bounds() const { return bounds_; }

 private:
  std::string_view name_;
  ConfigType type_;
  Bounds bounds_;
  Update update_;
  std::string_view doc_;
  bool is_set_ = false;
};

class ConfigSection {
 public:
  ConfigSection() = default;
  virtual ~ConfigSection() = default;
  ConfigSection(const ConfigSection&) = delete;
  ConfigSection& operator=(const ConfigSection&) = delete;

  // Sets every key of this section that is present. Names that no key has are left alone; see unknown_keys().
  // ERRORS: kInvalidArgument naming the key.
  Result<> load(const Properties& properties);
  const std::vector<ConfigKey*>& keys() const { return keys_; }
  ConfigKey* find(std::string_view name) const;

 private:
  friend class ConfigKey;
  std::vector<ConfigKey*> keys_;
};

// Names in `properties` that none of the sections has.
std::vector<std::string> unknown_keys(const Properties& properties,
                                      const std::vector<const ConfigSection*>& sections);

// Text to value, one per supported type; shared by Key<T> and by validation without a section.
template <typename T>
struct ConfigValue;

#define PENSTOCK_CONFIG_VALUE(T, type_name)                                                     \
  template <>                                                                                   \
  struct ConfigValue<T> {                                                                       \
    static constexpr ConfigType kType = type_name;                                              \
    static Result<T> parse(std::string_view name, std::string_view text, const Bounds& bounds); \
    static std::string print(const T& value);                                                   \
  }
PENSTOCK_CONFIG_VALUE(bool, ConfigType::kBoolean);
PENSTOCK_CONFIG_VALUE(std::int16_t, ConfigType::kShort);
PENSTOCK_CONFIG_VALUE(std::int32_t, ConfigType::kInt);
PENSTOCK_CONFIG_VALUE(std::int64_t, ConfigType::kLong);
PENSTOCK_CONFIG_VALUE(double, ConfigType::kDouble);
PENSTOCK_CONFIG_VALUE(std::string, ConfigType::kString);
PENSTOCK_CONFIG_VALUE(std::vector<std::string>, ConfigType::kList);
#undef PENSTOCK_CONFIG_VALUE

template <typename T>
class Key final : public ConfigKey {
 public:
  Key(ConfigSection* section, std::string_view name, T default_value, Bounds bounds, Update update,
      std::string_view doc)
      : ConfigKey(section, name, ConfigValue<T>::kType, std::move(bounds), update, doc),
        default_(default_value),
        value_(std::move(default_value)) {}

  const T& operator()() const { return value_; }
  std::string default_text() const override { return ConfigValue<T>::print(default_); }
  std::string value_text() const override { return ConfigValue<T>::print(value_); }
  Result<> check(std::string_view text) const override {
    TRY(ConfigValue<T>::parse(name(), text, bounds()));
    return {};
  }

 private:
  Result<> set(std::string_view text) override {
    TRY_ASSIGN(value_, (ConfigValue<T>::parse(name(), text, bounds())));
    return {};
  }
  T default_;
  T value_;
};

}  // namespace penstock::base

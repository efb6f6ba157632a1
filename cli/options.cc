#include "cli/options.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Result;

namespace {

const OptionSpec* find(std::span<const OptionSpec> specs, std::string_view name) {
  const auto found = std::ranges::find(specs, name, &OptionSpec::name);
  return found == specs.end() ? nullptr : &*found;
}

const OptionSpec* find_letter(std::span<const OptionSpec> specs, char letter) {
  const auto found = std::ranges::find(specs, letter, &OptionSpec::letter);
  return found == specs.end() ? nullptr : &*found;
}

// One argument taken apart: "--topic=t" is an option, its name as written, and its value.
struct Argument {
  const OptionSpec* spec = nullptr;
  std::string written;
  std::optional<std::string> attached;
};

Result<Argument> read_option(std::span<const OptionSpec> specs, const std::string& text) {
  Argument argument;
  if (text.starts_with("--")) {
    const std::size_t equals = text.find('=');
    argument.written = text.substr(0, equals);
    if (equals != std::string::npos) argument.attached = text.substr(equals + 1);
    argument.spec = find(specs, std::string_view(argument.written).substr(2));
  } else {
    argument.written = text.substr(0, 2);
    std::string_view rest = std::string_view(text).substr(2);
    if (rest.starts_with('=')) rest.remove_prefix(1);
    if (!rest.empty()) argument.attached = rest;
    argument.spec = find_letter(specs, text[1]);
  }
  if (argument.spec == nullptr)
    return fail(Errc::kInvalidArgument, fmt::format("unknown option {}", argument.written));
  return argument;
}

}  // namespace

Result<Options> Options::parse(std::span<const OptionSpec> specs, std::span<const std::string> args) {
  Options options;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& text = args[i];
    if (text == "--") {
      options.positional_.insert(options.positional_.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                 args.end());
      break;
    }
    if (text.size() < 2 || text[0] != '-') {
      options.positional_.push_back(text);
      continue;
    }
    TRY_ASSIGN(const Argument argument, read_option(specs, text));
    const OptionSpec& spec = *argument.spec;
    std::string value;
    if (spec.value.empty()) {
      if (argument.attached) {
        return fail(Errc::kInvalidArgument, fmt::format("option {} takes no value", argument.written));
      }
    } else if (argument.attached) {
      value = *argument.attached;
    } else if (i + 1 < args.size() && (spec.value_if_bare.empty() || !args[i + 1].starts_with('-'))) {
      value = args[++i];
    } else if (!spec.value_if_bare.empty()) {
      value = spec.value_if_bare;
    } else {
      return fail(Errc::kInvalidArgument, fmt::format("option {} needs a value", argument.written));
    }
    auto& values = options.values_[std::string(spec.name)];
    if (!values.empty() && !spec.is_repeatable) {
      return fail(Errc::kInvalidArgument, fmt::format("option {} is given twice", argument.written));
    }
    values.push_back(std::move(value));
  }
  return options;
}

std::optional<std::string> Options::value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second.back();
}

std::string Options::value_or(std::string_view name, std::string_view fallback) const {
  return value(name).value_or(std::string(fallback));
}

const std::vector<std::string>& Options::values(std::string_view name) const {
  static const std::vector<std::string> kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

Result<std::optional<std::int64_t>> Options::number(std::string_view name, std::int64_t low,
                                                    std::int64_t high) const {
  const auto text = value(name);
  if (!text) return std::optional<std::int64_t>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) {
    return fail(Errc::kInvalidArgument, fmt::format("'{}' of --{} is not a number", *text, name));
  }
  if (number < low || number > high) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{} of --{} is not between {} and {}", number, name, low, high));
  }
  return std::optional(number);
}

}  // namespace penstock::cli

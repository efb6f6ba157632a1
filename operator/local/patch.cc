#include "operator/local/patch.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "operator/local/fields.h"

namespace penstock::local {

namespace {

using Names = std::vector<std::string>;
constexpr std::string_view kDeleteFromList = "$deleteFromPrimitiveList/";

void merge_value(Json& live, const Json& patch, Names& names);

void merge_list(Json& live, const Json& patch, const ListType& type, Names& names) {
  for (const Json& item : patch) {
    const bool is_map = type.kind == ListType::Kind::kMap;
    const std::string directive = text_at(item, "/$patch");
    if (directive == "replace") continue;
    const auto found = std::find_if(live.begin(), live.end(), [&](const Json& candidate) {
      return is_map ? item_key(type, candidate) == item_key(type, item) : candidate == item;
    });
    if (directive == "delete") {
      if (found != live.end()) live.erase(found);
    } else if (found == live.end()) {
      live.push_back(item);
    } else if (is_map) {
      merge_value(*found, item, names);
    }
  }
}

void merge_object(Json& live, const Json& patch, Names& names) {
  if (text_at(patch, "/$patch") == "replace" || !live.is_object()) live = Json::object();
  for (const auto& [name, member] : patch.items()) {
    if (name.starts_with(kDeleteFromList)) {
      Json& list = live[name.substr(kDeleteFromList.size())];
      for (const Json& gone : member) {
        const auto found = std::find(list.begin(), list.end(), gone);
        if (found != list.end()) list.erase(found);
      }
    } else if (name.starts_with("$")) {
      continue;  // Orders of lists are kept as they are.
    } else if (member.is_null() || text_at(member, "/$patch") == "delete") {
      live.erase(name);
    } else {
      names.push_back(name);
      merge_value(live[name], member, names);
      names.pop_back();
    }
  }
}

void merge_value(Json& live, const Json& patch, Names& names) {
  if (patch.is_object()) return merge_object(live, patch, names);
  const ListType type = list_type(nullptr, names);
  const bool is_replaced = std::any_of(
      patch.begin(), patch.end(), [](const Json& item) { return text_at(item, "/$patch") == "replace"; });
  if (!patch.is_array() || !live.is_array() || type.kind == ListType::Kind::kAtomic || is_replaced) {
    live = patch;
    if (live.is_array())
      std::erase_if(live.get_ref<Json::array_t&>(),
                    [](const Json& item) { return item.is_object() && item.contains("$patch"); });
    return;
  }
  merge_list(live, patch, type, names);
}

}  // namespace

Json merge_patch(Json object, const Json& patch) {
  object.merge_patch(patch);
  return object;
}

base::Result<Json> json_patch(const Json& object, const Json& patch) {
  try {
    return object.patch(patch);
  } catch (const Json::exception& e) {
    return base::fail(base::Errc::kInvalidArgument, e.what());
  }
}

Json strategic_merge_patch(Json object, const Json& patch) {
  Names names;
  merge_value(object, patch, names);
  return object;
}

}  // namespace penstock::local

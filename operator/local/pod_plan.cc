#include "operator/local/pod_plan.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace penstock::local {

using base::Errc;

namespace {

using Variables = std::map<std::string, std::string>;

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

// What the operator adds for a pod's own loopback. Here all pods share the machine's, where the bootstrap
// Service listens.
bool is_loopback_variable(std::string_view name) { return name.starts_with("PENSTOCK_LOOPBACK_"); }

// The entries of a ConfigMap or Secret as file name to content.
std::map<std::string, std::string> entries_of(const Json& object) {
  std::map<std::string, std::string> entries;
  const bool is_secret = text_at(object, "/kind") == "Secret";
  for (const char* field : {"data", "stringData", "binaryData"}) {
    const auto found = object.find(field);
    if (found == object.end() || !found->is_object()) continue;
    const bool is_encoded =
        std::string_view(field) == "binaryData" || (is_secret && std::string_view(field) == "data");
    for (const auto& [name, value] : found->items())
      if (value.is_string() && is_plain_file_name(name))
        entries[name] = is_encoded ? base::decode_base64(value.get<std::string>()) : value.get<std::string>();
  }
  return entries;
}

class Planner {
 public:
  Planner(const Json& pod, const Store& store, const HostPaths& paths, const Rewriter::Resolve& resolve)
      : pod_(pod),
        store_(store),
        paths_(paths),
        resolve_(resolve),
        ns_(namespace_of(pod)),
        name_(name_of(pod)) {}

  base::Result<PodPlan> run() {
    plan_.directories.push_back(paths_.pod_directory(ns_, name_));
    const Json& init = value_at(pod_, "/spec/initContainers");
    if (init.is_array() && !init.empty())
      return base::fail(Errc::kUnsupported, "init containers are not supported by penstock-local");
    const Json& volumes = value_at(pod_, "/spec/volumes");
    if (volumes.is_array())
      for (const Json& volume : volumes) TRY(add_volume(volume));
    for (const Json& container : value_at(pod_, "/spec/containers")) TRY(add_container(container));
    if (plan_.containers.empty()) return base::fail(Errc::kUnsupported, "the pod has no containers");
    // All mounts are known now, and a file may name the path of another container's mount.
    Rewriter all = rewriter_;
    for (auto& [path, content] : plan_.files) content = all.rewrite(content);
    return std::move(plan_);
  }

 private:
  base::Result<ObjectPtr> referred(const char* resource, const std::string& name) const {
    ObjectPtr found = store_.get({resource, ns_, name});
    if (!found) return base::fail(Errc::kNotFound, fmt::format("{} \"{}\" is not there", resource, name));
    return found;
  }

  base::Result<> add_volume(const Json& volume) {
    const std::string name = text_at(volume, "/name");
    std::string directory = paths_.pod_directory(ns_, name_) + "/" + name;
    if (const std::string claim = text_at(volume, "/persistentVolumeClaim/claimName"); !claim.empty()) {
      TRY(referred("persistentvolumeclaims", claim));
      directory = paths_.volume_of(ns_, claim);
    } else if (volume.contains("configMap")) {
      TRY(add_files(volume["configMap"], "configmaps", text_at(volume, "/configMap/name"), directory));
    } else if (volume.contains("secret")) {
      TRY(add_files(volume["secret"], "secrets", text_at(volume, "/secret/secretName"), directory));
    } else if (!volume.contains("emptyDir")) {
      return base::fail(Errc::kUnsupported,
                        fmt::format("volume \"{}\" is of a kind that penstock-local lacks", name));
    }
    plan_.directories.push_back(directory);
    volumes_[name] = directory;
    return {};
  }

  base::Result<> add_files(const Json& source, const char* resource, const std::string& name,
                           const std::string& directory) {
    const auto object = referred(resource, name);
    if (!object) {
      if (flag_at(source, "/optional")) return {};
      return base::fail(object.error());
    }
    const auto entries = entries_of(**object);
    const Json& items = value_at(source, "/items");
    if (!items.is_array()) {
      for (const auto& [key, content] : entries) plan_.files[directory + "/" + key] = content;
      return {};
    }
    for (const Json& item : items) {
      const auto found = entries.find(text_at(item, "/key"));
      const std::string path = text_at(item, "/path");
      if (!is_plain_file_name(path))
        return base::fail(Errc::kUnsupported, "items.path must be a plain file name");
      if (found != entries.end()) plan_.files[directory + "/" + path] = found->second;
    }
    return {};
  }

  base::Result<> add_container(const Json& container) {
    ContainerPlan planned;
    planned.name = text_at(container, "/name");
    Rewriter rewriter(resolve_);
    const Json& mounts = value_at(container, "/volumeMounts");
    if (mounts.is_array()) {
      for (const Json& mount : mounts) {
        const auto volume = volumes_.find(text_at(mount, "/name"));
        if (volume == volumes_.end())
          return base::fail(Errc::kUnsupported,
                            fmt::format("container \"{}\" mounts no volume of the pod: \"{}\"", planned.name,
                                        text_at(mount, "/name")));
        const std::string sub_path = text_at(mount, "/subPath");
        const std::string host = sub_path.empty() ? volume->second : volume->second + "/" + sub_path;
        rewriter.add_mount(text_at(mount, "/mountPath"), host);
        rewriter_.add_mount(text_at(mount, "/mountPath"), host);
      }
    }
    TRY_ASSIGN(const Variables variables, environment_of(container));
    Variables environment = {{"PATH", paths_.bin_directory + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
                             {"HOME", paths_.pod_directory(ns_, name_)},
                             {"HOSTNAME", name_}};
    for (const auto& [name, value] : variables) environment[name] = rewriter.rewrite(value);
    for (const auto& [name, value] : environment) planned.environment.push_back(name + "=" + value);
    for (const char* field : {"command", "args"}) {
      const auto found = container.find(field);
      if (found == container.end()) continue;
      for (const Json& word : *found)
        if (word.is_string())
          planned.argv.push_back(rewriter.rewrite(expand_variables(word.get<std::string>(), variables)));
    }
    if (value_at(container, "/command").empty())
      return base::fail(
          Errc::kUnsupported,
          fmt::format("container \"{}\" has no command, and penstock-local pulls no image that has one",
                      planned.name));
    planned.argv[0] = resolve_program(planned.argv[0]);
    planned.working_directory = paths_.pod_directory(ns_, name_);
    plan_.containers.push_back(std::move(planned));
    return {};
  }

  std::string resolve_program(const std::string& command) const {
    const std::string own = paths_.bin_directory + "/" + command.substr(command.rfind('/') + 1);
    if (::access(own.c_str(), X_OK) == 0) return own;
    if (command.find('/') != std::string::npos) return command;
    for (const char* directory : {"/usr/local/bin/", "/usr/bin/", "/bin/"})
      if (const std::string path = directory + command; ::access(path.c_str(), X_OK) == 0) return path;
    return own;
  }

  base::Result<Variables> environment_of(const Json& container) const {
    Variables variables;
    const Json& sources = value_at(container, "/envFrom");
    if (sources.is_array()) {
      for (const Json& source : sources) {
        const bool is_secret = source.contains("secretRef");
        const Json& reference = is_secret ? source["secretRef"] : value_at(source, "/configMapRef");
        const auto object = referred(is_secret ? "secrets" : "configmaps", text_at(reference, "/name"));
        if (!object && !flag_at(reference, "/optional")) return base::fail(object.error());
        if (!object) continue;
        for (const auto& [name, value] : entries_of(**object))
          variables[text_at(source, "/prefix") + name] = value;
      }
    }
    const Json& list = value_at(container, "/env");
    if (!list.is_array()) return variables;
    for (const Json& item : list) {
      const std::string name = text_at(item, "/name");
      if (item.contains("valueFrom")) {
        TRY_ASSIGN(auto value, value_from(item["valueFrom"], container));
        if (value) variables[name] = std::move(*value);
      } else {
        variables[name] =
            is_loopback_variable(name) ? "" : expand_variables(text_at(item, "/value"), variables);
      }
    }
    return variables;
  }

  // Nothing when an optional reference leads nowhere.
  base::Result<std::optional<std::string>> value_from(const Json& from, const Json& container) const {
    if (from.contains("fieldRef")) return field_value(text_at(from, "/fieldRef/fieldPath"));
    if (from.contains("resourceFieldRef")) {
      const std::string resource = text_at(from, "/resourceFieldRef/resource");  // "limits.memory"
      const std::string pointer = "/resources/" + resource.substr(0, resource.find('.')) + "/" +
                                  resource.substr(resource.find('.') + 1);
      return text_at(container, pointer);
    }
    const bool is_secret = from.contains("secretKeyRef");
    const Json& reference = is_secret ? from["secretKeyRef"] : value_at(from, "/configMapKeyRef");
    const auto object = referred(is_secret ? "secrets" : "configmaps", text_at(reference, "/name"));
    const std::string key = text_at(reference, "/key");
    if (object) {
      const auto entries = entries_of(**object);
      if (const auto found = entries.find(key); found != entries.end()) return found->second;
    }
    if (flag_at(reference, "/optional")) return std::nullopt;
    if (!object) return base::fail(object.error());
    return base::fail(Errc::kNotFound, fmt::format("{} has no key \"{}\"", text_at(reference, "/name"), key));
  }

  std::string field_value(const std::string& path) const {
    for (const char* group : {"metadata.labels", "metadata.annotations"}) {
      const std::string start = std::string(group) + "['";
      if (!path.starts_with(start) || !path.ends_with("']")) continue;
      const std::string key = path.substr(start.size(), path.size() - start.size() - 2);
      return std::string_view(group) == "metadata.labels" ? label_of(pod_, key) : annotation_of(pod_, key);
    }
    if (path == "status.hostIP") return "127.0.0.1";
    std::string pointer = "/" + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    return text_at(pod_, pointer);
  }

  const Json& pod_;
  const Store& store_;
  const HostPaths& paths_;
  const Rewriter::Resolve& resolve_;
  const std::string ns_;
  const std::string name_;
  PodPlan plan_;
  Rewriter rewriter_{resolve_};
  std::map<std::string, std::string> volumes_;
};

}  // namespace

base::Result<PodPlan> plan_pod(const Json& pod, const Store& store, const HostPaths& paths,
                               const Rewriter::Resolve& resolve) {
  return Planner(pod, store, paths, resolve).run();
}

}  // namespace penstock::local

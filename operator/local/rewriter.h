// What a pod says of itself in a cluster, put into this machine's terms: mount paths become directories of
// the host, and DNS names of pods and services become addresses.
//
// Threads: values.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::local {

class Rewriter {
 public:
  // The address of "POD.SVC.NS.svc" (pod given) or "SVC.NS.svc" (pod empty).
  using Resolve =
      std::function<std::string(const std::string& ns, const std::string& pod, const std::string& service)>;

  explicit Rewriter(Resolve resolve) : resolve_(std::move(resolve)) {}

  // `mount_path` as the container has it; the longest one that matches wins.
  void add_mount(std::string mount_path, std::string host_path);

  // Replaces every mount path that stands as a whole or as a parent directory, and every cluster name.
  std::string rewrite(std::string_view text) const;

 private:
  std::string rewrite_names(std::string_view text) const;
  std::string rewrite_paths(std::string_view text) const;

  Resolve resolve_;
  std::vector<std::pair<std::string, std::string>> mounts_;  // Longest first.
};

// $(NAME) from `variables`; $$(NAME) is a literal $(NAME); unknown names stay as they are.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (container args).
std::string expand_variables(std::string_view text, const std::map<std::string, std::string>& variables);

}  // namespace penstock::local

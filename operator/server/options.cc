#include "operator/server/options.h"

#include <algorithm>
#include <map>

namespace penstock::server {
namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr std::size_t kNamespacesMax = 100;
constexpr std::size_t kLabelCharsMax = 63;

// A name as Kubernetes takes it for a namespace (RFC 1123 label).
bool is_label(const std::string& name) {
  const auto is_inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= kLabelCharsMax && name.front() != '-' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(), is_inner);
}

// "a,b" with or without spaces; empty is all.
Result<std::vector<std::string>> parse_namespaces(const std::string& what, const std::string& text) {
  std::vector<std::string> names;
  std::string name;
  for (const char c : text + ",") {
    if (c == ' ') continue;
    if (c != ',') {
      name += c;
      continue;
    }
    if (name.empty()) continue;
    if (!is_label(name)) return fail(Errc::kInvalidArgument, what + ": " + name + " is no namespace's name");
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    name.clear();
  }
  // Each namespace is a watch for each kind.
  if (names.size() > kNamespacesMax)
    return fail(Errc::kInvalidArgument, what + ": more than 100 namespaces; leave it out to watch all");
  return names;
}

Result<bool> parse_bool(const std::string& what, const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(Errc::kInvalidArgument, what + ": must be true or false, and is " + text);
}

struct Texts {
  std::string namespaces;
  std::string namespaces_from = "WATCH_NAMESPACE";
  std::string leader_elect = "false";
};

// An option that stands alone; false when the word is none.
bool take_flag(const std::string& word, Arguments& arguments, Texts& texts) {
  if (word == "--help" || word == "-h") {
    arguments.wants_help = true;
  } else if (word == "--version") {
    arguments.wants_version = true;
  } else if (word == "--leader-elect") {
    texts.leader_elect = "true";
  } else {
    return false;
  }
  return true;
}

}  // namespace

const char* const kUsage =
    "penstock-operator runs KafkaCluster and KafkaTopic resources.\n"
    "\n"
    "  --kubeconfig FILE      The cluster to work for (default: $KUBECONFIG, the pod's service account,\n"
    "                         ~/.kube/config).\n"
    "  --namespace NS[,NS]    Only these namespaces, for which a Role in each is enough (default:\n"
    "                         $WATCH_NAMESPACE; empty for all, which needs a ClusterRole).\n"
    "  --image IMAGE          The brokers' image when a KafkaCluster names none (default: $PENSTOCK_IMAGE,\n"
    "                         localhost/penstock:dev).\n"
    "  --leader-elect[=BOOL]  Work only while holding a Lease, so that several replicas can run: one leads, "
    "the\n"
    "                         others are ready to take over (default: false). A leader that cannot renew "
    "its\n"
    "                         Lease for 10 s ends with status 1; others begin after 15 s, or at once when "
    "it\n"
    "                         was stopped by SIGTERM.\n"
    "  --lease-name NAME      The Lease (default: penstock-operator).\n"
    "  --lease-namespace NS   Where it is (default: $POD_NAMESPACE, the namespace of the service account or "
    "of\n"
    "                         the kubeconfig's context).\n"
    "  --health ADDRESS       Where /healthz, /readyz and /metrics are served (default: 127.0.0.1:8081; "
    ":8081 for\n"
    "                         every address, \"\" for none).\n"
    "  --log-level LEVEL      debug, info, warn or error (default: info).\n"
    "  --help, --version\n"
    "\n"
    "It ends with status 0 on SIGTERM and SIGINT, 1 when it cannot go on, 2 when an option is wrong.\n";

Result<Arguments> parse_arguments(const std::vector<std::string>& words, const Environment& environment) {
  Arguments arguments;
  Texts texts;
  texts.namespaces = environment("WATCH_NAMESPACE");
  arguments.lease_namespace = environment("POD_NAMESPACE");
  const std::string image = environment("PENSTOCK_IMAGE");
  arguments.options.default_image = image.empty() ? "localhost/penstock:dev" : image;
  const std::map<std::string, std::string*> values = {{"--kubeconfig", &arguments.kubeconfig},
                                                      {"--namespace", &texts.namespaces},
                                                      {"--image", &arguments.options.default_image},
                                                      {"--leader-elect", &texts.leader_elect},
                                                      {"--lease-name", &arguments.lease_name},
                                                      {"--lease-namespace", &arguments.lease_namespace},
                                                      {"--health", &arguments.health},
                                                      {"--log-level", &arguments.log_level}};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (take_flag(words[i], arguments, texts)) continue;
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const auto found = values.find(name);
    if (found == values.end()) return fail(Errc::kInvalidArgument, "unknown option " + words[i]);
    if (name == "--namespace") texts.namespaces_from = name;
    if (equals != std::string::npos) {
      *found->second = words[i].substr(equals + 1);
    } else if (++i < words.size()) {
      *found->second = words[i];
    } else {
      return fail(Errc::kInvalidArgument, name + " needs a value");
    }
  }
  TRY_ASSIGN(arguments.options.namespaces, parse_namespaces(texts.namespaces_from, texts.namespaces));
  TRY_ASSIGN(arguments.leader_elect, parse_bool("--leader-elect", texts.leader_elect));
  if (arguments.lease_name.empty()) return fail(Errc::kInvalidArgument, "--lease-name needs a value");
  if (!arguments.lease_namespace.empty() && !is_label(arguments.lease_namespace)) {
    return fail(Errc::kInvalidArgument,
                "--lease-namespace: " + arguments.lease_namespace + " is no namespace's name");
  }
  return arguments;
}

}  // namespace penstock::server

#include "operator/kube/kubeconfig.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

namespace penstock::kube {
namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr const char* kServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount/";

Result<std::string> read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, "cannot read " + file);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

Result<std::string> decode_base64(const std::string& what, std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return fail(Errc::kInvalidArgument, what + " is not base64");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

// The value of NAME-data (base64) or of the file that NAME names; empty when neither is there.
Result<std::string> data_or_file(const YAML::Node& node, const std::string& name,
                                 const std::string& directory) {
  if (const YAML::Node data = node[name + "-data"]; data && data.IsScalar()) {
    return decode_base64(name + "-data", data.as<std::string>());
  }
  const YAML::Node file = node[name];
  if (!file || !file.IsScalar()) return std::string();
  auto path = file.as<std::string>();
  if (!path.starts_with('/') && !directory.empty()) path = directory + "/" + path;
  return read_text(path);
}

// The entry `name` of a kubeconfig list such as "clusters", and in it the map `inner`.
Result<YAML::Node> entry(const YAML::Node& root, const std::string& list, const std::string& inner,
                         const std::string& name) {
  for (const YAML::Node& node : root[list]) {
    if (node["name"] && node["name"].as<std::string>() == name) return YAML::Node(node[inner]);
  }
  return fail(Errc::kInvalidArgument, list + " has no entry named \"" + name + "\"");
}

std::string scalar(const YAML::Node& node, const std::string& name) {
  const YAML::Node value = node[name];
  return value && value.IsScalar() ? value.as<std::string>() : std::string();
}

Result<Credentials> read_root(const YAML::Node& root, const std::string& directory) {
  const std::string context_name = scalar(root, "current-context");
  if (context_name.empty()) return fail(Errc::kInvalidArgument, "current-context is not set");
  TRY_ASSIGN(YAML::Node context, entry(root, "contexts", "context", context_name));
  TRY_ASSIGN(YAML::Node cluster, entry(root, "clusters", "cluster", scalar(context, "cluster")));
  Credentials credentials;
  credentials.server = scalar(cluster, "server");
  while (credentials.server.ends_with('/')) credentials.server.pop_back();
  if (credentials.server.empty()) return fail(Errc::kInvalidArgument, "the cluster has no server");
  TRY_ASSIGN(credentials.ca_pem, data_or_file(cluster, "certificate-authority", directory));
  credentials.skip_tls_verify = scalar(cluster, "insecure-skip-tls-verify") == "true";
  if (const std::string ns = scalar(context, "namespace"); !ns.empty()) credentials.default_namespace = ns;
  const std::string user_name = scalar(context, "user");
  if (user_name.empty()) return credentials;
  TRY_ASSIGN(YAML::Node user, entry(root, "users", "user", user_name));
  if (user["exec"] || user["auth-provider"]) {
    return fail(Errc::kUnsupported,
                "user \"" + user_name + "\" logs in with a plugin, which is not supported");
  }
  credentials.token = scalar(user, "token");
  credentials.token_file = scalar(user, "tokenFile");
  TRY_ASSIGN(credentials.client_certificate, data_or_file(user, "client-certificate", directory));
  TRY_ASSIGN(credentials.client_key, data_or_file(user, "client-key", directory));
  return credentials;
}

}  // namespace

Result<Credentials> parse_kubeconfig(std::string_view text, const std::string& directory) {
  try {
    return read_root(YAML::Load(std::string(text)), directory);
  } catch (const YAML::Exception& exception) {
    return fail(Errc::kInvalidArgument, std::string("not a kubeconfig: ") + exception.what());
  }
}

Result<Credentials> load_kubeconfig(const std::string& file) {
  TRY_ASSIGN(const std::string text, read_text(file));
  const std::size_t slash = file.rfind('/');
  auto credentials = parse_kubeconfig(text, slash == std::string::npos ? "" : file.substr(0, slash));
  if (!credentials) return fail(credentials.error().context(file));
  return credentials;
}

Result<Credentials> in_cluster_credentials() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (!host || !port) return fail(Errc::kNotFound, "this is no pod: KUBERNETES_SERVICE_HOST is not set");
  const std::string name(host);
  Credentials credentials;
  credentials.server = "https://" + (name.contains(':') ? "[" + name + "]" : name) + ":" + port;
  credentials.token_file = std::string(kServiceAccountDir) + "token";
  TRY_ASSIGN(credentials.ca_pem, read_text(std::string(kServiceAccountDir) + "ca.crt"));
  TRY_ASSIGN(credentials.token, read_text(credentials.token_file));
  if (auto ns = read_text(std::string(kServiceAccountDir) + "namespace")) credentials.default_namespace = *ns;
  return credentials;
}

Result<Credentials> find_credentials(const std::string& explicit_file) {
  if (!explicit_file.empty()) return load_kubeconfig(explicit_file);
  if (const char* env = std::getenv("KUBECONFIG"); env && *env) {
    const std::string files(env);
    return load_kubeconfig(files.substr(0, files.find(':')));
  }
  if (std::getenv("KUBERNETES_SERVICE_HOST")) return in_cluster_credentials();
  const char* home = std::getenv("HOME");
  return load_kubeconfig(std::string(home ? home : "") + "/.kube/config");
}

}  // namespace penstock::kube

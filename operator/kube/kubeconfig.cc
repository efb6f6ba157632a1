#include "operator/kube/kubeconfig.h"

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <yaml-cpp/yaml.h>

namespace penstock::kube {
namespace {

using base::Errc;
using base::fail;
using base::Result;

constexpr std::size_t kFileBytesMax = 4 << 20;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio open_bio(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}
Certificate read_certificate(const std::string& pem) {
  return {PEM_read_bio_X509(open_bio(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

Result<std::string> read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, "cannot read " + file);
  std::ostringstream stream;
  stream << in.rdbuf();
  std::string text = std::move(stream).str();
  if (text.size() > kFileBytesMax) return fail(Errc::kLimitExceeded, file + " is larger than 4 MiB");
  return text;
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
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

std::string full_path(std::string path, const std::string& directory) {
  return path.empty() || path.starts_with('/') || directory.empty() ? path : directory + "/" + path;
}

// The value of NAME-data (base64) or of the file that NAME names; empty when neither is there.
Result<std::string> data_or_file(const YAML::Node& node, const std::string& name,
                                 const std::string& directory) {
  if (const YAML::Node data = node[name + "-data"]; data && data.IsScalar()) {
    return decode_base64(name + "-data", data.as<std::string>());
  }
  const YAML::Node file = node[name];
  if (!file || !file.IsScalar()) return std::string();
  return read_text(full_path(file.as<std::string>(), directory));
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

// ERRORS: kUnsupported naming the first of `fields` that the node has.
Result<> refuse(const YAML::Node& node, const std::string& owner, std::initializer_list<const char*> fields) {
  for (const char* field : fields) {
    if (node[field]) return fail(Errc::kUnsupported, owner + " has " + field + ", which is not supported");
  }
  return {};
}

// What OpenSSL would only say at the first call, and less clearly.
Result<> check_pem(const Credentials& credentials) {
  if (!credentials.ca_pem.empty() && !has_certificate(credentials.ca_pem))
    return fail(Errc::kInvalidArgument, "certificate-authority holds no certificate in PEM");
  const bool has_client = !credentials.client_certificate.empty();
  if (has_client != !credentials.client_key.empty())
    return fail(Errc::kInvalidArgument, "client-certificate and client-key are only of use together");
  if (!has_client) return {};
  const Certificate certificate = read_certificate(credentials.client_certificate);
  if (!certificate) return fail(Errc::kInvalidArgument, "client-certificate holds no certificate in PEM");
  const Key key(PEM_read_bio_PrivateKey(open_bio(credentials.client_key).get(), nullptr, nullptr, nullptr),
                EVP_PKEY_free);
  if (!key) return fail(Errc::kInvalidArgument, "client-key holds no key in PEM without a password");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return fail(Errc::kInvalidArgument, "client-key is not the key of client-certificate");
  return {};
}

Result<> read_user(const YAML::Node& user, const std::string& name, const std::string& directory,
                   Credentials& credentials) {
  const std::string owner = "user \"" + name + "\"";
  if (user["exec"] || user["auth-provider"])
    return fail(Errc::kUnsupported, owner + " logs in with a plugin (exec or auth-provider), which is not " +
                                        "supported; give it a token or a client certificate");
  TRY(refuse(user, owner, {"username", "password", "as", "as-uid", "as-groups", "as-user-extra"}));
  credentials.token = trimmed(scalar(user, "token"));
  // As in kubectl: a token that is written out counts before the file.
  if (credentials.token.empty()) credentials.token_file = full_path(scalar(user, "tokenFile"), directory);
  if (!credentials.token_file.empty()) {
    TRY_ASSIGN(const std::string token, read_text(credentials.token_file));
    credentials.token = trimmed(token);
  }
  TRY_ASSIGN(credentials.client_certificate, data_or_file(user, "client-certificate", directory));
  TRY_ASSIGN(credentials.client_key, data_or_file(user, "client-key", directory));
  return {};
}

Result<> read_cluster(const YAML::Node& cluster, const std::string& name, const std::string& directory,
                      Credentials& credentials) {
  credentials.server = scalar(cluster, "server");
  while (credentials.server.ends_with('/')) credentials.server.pop_back();
  if (credentials.server.empty()) return fail(Errc::kInvalidArgument, "the cluster has no server");
  if (credentials.server.contains("//["))
    return fail(Errc::kUnsupported, "the server " + credentials.server +
                                        " is an IPv6 address, which is not supported; give its name");
  TRY(refuse(cluster, "cluster \"" + name + "\"", {"proxy-url", "tls-server-name"}));
  TRY_ASSIGN(credentials.ca_pem, data_or_file(cluster, "certificate-authority", directory));
  if (!cluster["certificate-authority-data"])
    credentials.ca_file = full_path(scalar(cluster, "certificate-authority"), directory);
  credentials.skip_tls_verify = scalar(cluster, "insecure-skip-tls-verify") == "true";
  if (credentials.skip_tls_verify && !credentials.ca_pem.empty())
    return fail(Errc::kInvalidArgument,
                "the cluster has a certificate-authority and insecure-skip-tls-verify: only one can hold");
  return {};
}

Result<Credentials> read_root(const YAML::Node& root, const std::string& directory) {
  const std::string context_name = scalar(root, "current-context");
  if (context_name.empty()) return fail(Errc::kInvalidArgument, "current-context is not set");
  TRY_ASSIGN(YAML::Node context, entry(root, "contexts", "context", context_name));
  const std::string cluster_name = scalar(context, "cluster");
  TRY_ASSIGN(YAML::Node cluster, entry(root, "clusters", "cluster", cluster_name));
  Credentials credentials;
  TRY(read_cluster(cluster, cluster_name, directory, credentials));
  if (const std::string ns = scalar(context, "namespace"); !ns.empty()) credentials.default_namespace = ns;
  if (const std::string user_name = scalar(context, "user"); !user_name.empty()) {
    TRY_ASSIGN(YAML::Node user, entry(root, "users", "user", user_name));
    TRY(read_user(user, user_name, directory, credentials));
  }
  TRY(check_pem(credentials));
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

Result<Credentials> in_cluster_credentials(const std::string& directory) {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (!host || !*host || !port || !*port)
    return fail(Errc::kNotFound, "this is no pod: KUBERNETES_SERVICE_HOST and _PORT are not set");
  // The HTTP library cannot connect to an IPv6 address; the service's name leads to the same server.
  const bool is_ipv6 = std::string_view(host).contains(':');
  Credentials credentials;
  credentials.server = std::string("https://") + (is_ipv6 ? "kubernetes.default.svc" : host) + ":" + port;
  credentials.token_file = directory + "/token";
  credentials.ca_file = directory + "/ca.crt";
  TRY_ASSIGN(credentials.ca_pem, read_text(credentials.ca_file));
  if (!has_certificate(credentials.ca_pem))
    return fail(Errc::kInvalidArgument, credentials.ca_file + " holds no certificate");
  TRY_ASSIGN(const std::string token, read_text(credentials.token_file));
  credentials.token = trimmed(token);
  if (auto ns = read_text(directory + "/namespace"); ns && !trimmed(*ns).empty())
    credentials.default_namespace = trimmed(*ns);
  return credentials;
}

Result<Credentials> find_credentials(const std::string& explicit_file) {
  if (!explicit_file.empty()) return load_kubeconfig(explicit_file);
  if (const char* env = std::getenv("KUBECONFIG"); env && *env) {
    const std::string files(env);
    return load_kubeconfig(files.substr(0, files.find(':')));
  }
  if (const char* host = std::getenv("KUBERNETES_SERVICE_HOST"); host && *host)
    return in_cluster_credentials();
  const char* home = std::getenv("HOME");
  return load_kubeconfig(std::string(home ? home : "") + "/.kube/config");
}

bool has_certificate(const std::string& pem) { return read_certificate(pem) != nullptr; }

}  // namespace penstock::kube

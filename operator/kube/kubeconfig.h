// Where the API server is and who we are there: from a kubeconfig file or from a pod's service account.
//
// Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ (server, certificate authority,
// token, client certificate and key, as data or as files; the current context's namespace;
// insecure-skip-tls-verify). What would change who we are or which way we go, and is not here, is refused:
// exec and auth-provider plugins, user names with passwords, impersonation, proxy-url, tls-server-name.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::kube {

struct Credentials {
  std::string server;              // "https://10.0.0.1:6443", without a trailing slash.
  std::string ca_pem;              // Empty: the system's roots.
  std::string ca_file;             // Read again when connections fail: authorities rotate too.
  std::string token;               // Bearer token, or empty.
  std::string token_file;          // Read again for each call: projected tokens rotate.
  std::string client_certificate;  // PEM, or empty.
  std::string client_key;
  bool skip_tls_verify = false;
  std::string default_namespace = "default";
};

// `directory` is where relative file names start from.
// ERRORS: kInvalidArgument naming the entry; kNotFound naming a file; kUnsupported naming what is refused.
base::Result<Credentials> parse_kubeconfig(std::string_view text, const std::string& directory);
base::Result<Credentials> load_kubeconfig(const std::string& file);

inline constexpr const char* kServiceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount";

// From KUBERNETES_SERVICE_HOST and _PORT and the files token, ca.crt and namespace in `directory`.
// An IPv6 address there is replaced by the API server's name in every cluster, kubernetes.default.svc.
// ERRORS: kNotFound when this is no pod, or naming the file.
base::Result<Credentials> in_cluster_credentials(const std::string& directory = kServiceAccountDir);

// The usual order: `explicit_file` if not empty, $KUBECONFIG (its first file), the pod's service account,
// ~/.kube/config.
base::Result<Credentials> find_credentials(const std::string& explicit_file);

// Whether the text holds at least one certificate in PEM.
bool has_certificate(const std::string& pem);

}  // namespace penstock::kube

// Where the API server is and who we are there: from a kubeconfig file or from a pod's service account.
//
// Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ (server, certificate authority,
// token, client certificate and key, as data or as files; the current context's namespace). Exec plugins are
// refused.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::kube {

struct Credentials {
  std::string server;              // "https://10.0.0.1:6443", without a trailing slash.
  std::string ca_pem;              // Empty: the system's roots.
  std::string token;               // Bearer token, or empty.
  std::string token_file;          // Read again before it expires: projected tokens rotate.
  std::string client_certificate;  // PEM, or empty.
  std::string client_key;
  bool skip_tls_verify = false;
  std::string default_namespace = "default";
};

// `directory` is where relative file names start from.
// ERRORS: kInvalidArgument naming the entry; kUnsupported for exec and auth-provider users.
base::Result<Credentials> parse_kubeconfig(std::string_view text, const std::string& directory);
base::Result<Credentials> load_kubeconfig(const std::string& file);

// From KUBERNETES_SERVICE_HOST and /var/run/secrets/kubernetes.io/serviceaccount.
// ERRORS: kNotFound when this is no pod.
base::Result<Credentials> in_cluster_credentials();

// The usual order: `explicit_file` if not empty, $KUBECONFIG (its first file), the pod's service account,
// ~/.kube/config.
base::Result<Credentials> find_credentials(const std::string& explicit_file);

}  // namespace penstock::kube

#include "operator/kube/kubeconfig.h"

#include <cstdlib>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/support/temp_dir.h"

namespace penstock::kube {
namespace {

using base::Errc;

struct Identity {
  std::string certificate;
  std::string key;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

// A key and a certificate that it signed itself.
Identity make_identity() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  BIO* pem = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(pem, certificate);
  BIO* key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_pem, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(pem), text_of(key_pem)};
}

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string config(const std::string& cluster, const std::string& user) {
  return "{current-context: b, contexts: [{name: a, context: {cluster: x, user: y}}, {name: b, context: "
         "{cluster: c1, user: u1, namespace: kafka}}], clusters: [{name: c1, cluster: {" +
         cluster + "}}], users: [{name: u1, user: {" + user + "}}]}";
}

base::Error error_of(const std::string& cluster, const std::string& user) {
  const auto read = parse_kubeconfig(config(cluster, user), "");
  return read ? base::Error(Errc::kInternal, "no error") : read.error();
}

void write(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

TEST(Kubeconfig, ReadsTheCurrentContext) {
  const Identity me = make_identity();
  const auto read = parse_kubeconfig(
      config("server: 'https://127.0.0.1:6443/', certificate-authority-data: " + base64(me.certificate),
             "token: secret, client-certificate-data: " + base64(me.certificate) +
                 ", client-key-data: " + base64(me.key)),
      "");
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->server, "https://127.0.0.1:6443");
  EXPECT_EQ(read->ca_pem, me.certificate);
  EXPECT_EQ(read->ca_file, "");
  EXPECT_EQ(read->token, "secret");
  EXPECT_EQ(read->client_certificate, me.certificate);
  EXPECT_EQ(read->client_key, me.key);
  EXPECT_EQ(read->default_namespace, "kafka");
  EXPECT_FALSE(read->skip_tls_verify);
}

TEST(Kubeconfig, FindsFilesNextToItself) {
  const testing::TempDir directory;
  const Identity me = make_identity();
  write(directory.path() + "/ca.crt", me.certificate);
  write(directory.path() + "/me.crt", me.certificate);
  write(directory.path() + "/me.key", me.key);
  write(directory.path() + "/token", "from-a-file\n");
  write(directory.path() + "/config",
        config("server: 'https://k', certificate-authority: ca.crt",
               "tokenFile: token, client-certificate: me.crt, client-key: me.key"));
  const auto read = load_kubeconfig(directory.path() + "/config");
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->ca_pem, me.certificate);
  EXPECT_EQ(read->ca_file, directory.path() + "/ca.crt");
  EXPECT_EQ(read->token, "from-a-file");
  EXPECT_EQ(read->token_file, directory.path() + "/token");
  EXPECT_EQ(read->client_key, me.key);
}

TEST(Kubeconfig, NamesWhatIsMissingOrWrong) {
  EXPECT_EQ(parse_kubeconfig("a: [", "").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(parse_kubeconfig("{}", "").error().what(), "current-context is not set");
  EXPECT_EQ(parse_kubeconfig("{current-context: a, contexts: [{name: b}]}", "").error().what(),
            "contexts has no entry named \"a\"");
  EXPECT_EQ(load_kubeconfig("/nonexistent/config").error().what(), "cannot read /nonexistent/config");
  const Identity me = make_identity();
  const Identity other = make_identity();
  EXPECT_EQ(error_of("server: ''", "").what(), "the cluster has no server");
  EXPECT_EQ(error_of("server: s, certificate-authority-data: '***'", "").what(),
            "certificate-authority-data is not base64");
  EXPECT_EQ(error_of("server: s, certificate-authority-data: " + base64("no PEM"), "").what(),
            "certificate-authority holds no certificate in PEM");
  EXPECT_EQ(error_of("server: s", "client-certificate-data: " + base64(me.certificate)).what(),
            "client-certificate and client-key are only of use together");
  EXPECT_EQ(error_of("server: s", "client-certificate-data: " + base64(me.certificate) +
                                      ", client-key-data: " + base64(other.key))
                .what(),
            "client-key is not the key of client-certificate");
  EXPECT_EQ(
      error_of("server: s", "client-certificate: /nonexistent/crt, client-key: /nonexistent/key").what(),
      "cannot read /nonexistent/crt");
}

TEST(Kubeconfig, RefusesByNameWhatItCannotHonour) {
  for (const char* field : {"username", "password", "as", "as-groups"}) {
    const base::Error error = error_of("server: s", std::string(field) + ": x");
    EXPECT_EQ(error.code(), Errc::kUnsupported) << field;
    EXPECT_EQ(error.what(), "user \"u1\" has " + std::string(field) + ", which is not supported");
  }
  for (const char* field : {"proxy-url", "tls-server-name"}) {
    EXPECT_EQ(error_of("server: s, " + std::string(field) + ": x", "").what(),
              "cluster \"c1\" has " + std::string(field) + ", which is not supported");
  }
  for (const char* plugin : {"exec: {command: aws}", "auth-provider: {name: gcp}"}) {
    const base::Error error = error_of("server: s", plugin);
    EXPECT_EQ(error.code(), Errc::kUnsupported);
    EXPECT_TRUE(error.what().starts_with("user \"u1\" logs in with a plugin")) << error.what();
  }
  EXPECT_EQ(error_of("server: 'https://[fd00::1]:6443'", "").code(), Errc::kUnsupported);
  const std::string authority = base64(make_identity().certificate);
  EXPECT_EQ(
      error_of("server: s, insecure-skip-tls-verify: true, certificate-authority-data: " + authority, "")
          .code(),
      Errc::kInvalidArgument);
  EXPECT_TRUE(parse_kubeconfig(config("server: s, insecure-skip-tls-verify: true", ""), "")->skip_tls_verify);
}

TEST(InClusterCredentials, ComeFromThePodsServiceAccount) {
  const testing::TempDir directory;
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
  EXPECT_EQ(in_cluster_credentials(directory.path()).error().code(), Errc::kNotFound);
  ::setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_EQ(in_cluster_credentials(directory.path()).error().what(),
            "cannot read " + directory.path() + "/ca.crt");
  write(directory.path() + "/ca.crt", "no PEM");
  EXPECT_EQ(in_cluster_credentials(directory.path()).error().what(),
            directory.path() + "/ca.crt holds no certificate");
  write(directory.path() + "/ca.crt", make_identity().certificate);
  write(directory.path() + "/token", "abc\n");
  write(directory.path() + "/namespace", "kafka-system\n");
  auto read = in_cluster_credentials(directory.path());
  ASSERT_TRUE(read) << read.error().what();
  EXPECT_EQ(read->server, "https://10.96.0.1:443");
  EXPECT_EQ(read->token, "abc");
  EXPECT_EQ(read->token_file, directory.path() + "/token");
  EXPECT_EQ(read->default_namespace, "kafka-system");
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  EXPECT_EQ(in_cluster_credentials(directory.path())->server, "https://kubernetes.default.svc:443");
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
}

}  // namespace
}  // namespace penstock::kube

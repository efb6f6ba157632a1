"""Who the client trusts and who it says it is: TLS, client certificates, tokens, a pod's service account."""
import base64
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import unittest
import warnings

from harness import Client, kubeconfig
from faulty_proxy import Answer, FaultyProxy

GET = {"kind": "ConfigMap", "ns": "default", "name": "a"}
FAST = ("--attempts", "1", "--call-timeout-ms", "10000")


class Authority:
    """A certificate authority of a test, and what it has signed."""

    def __init__(self, directory, name):
        self.directory, self.name = pathlib.Path(directory), name
        self.key, self.pem = self.directory / f"{name}.key", self.directory / f"{name}.crt"
        self._openssl("req", "-x509", "-subj", f"/CN={name}", "-days", "2", "-keyout", self.key, "-out", self.pem)

    def _openssl(self, command, *arguments):
        subprocess.run(["openssl", command, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        *map(str, arguments)], check=True, capture_output=True)

    def issue(self, name, alternatives=None):
        key, request, pem = (self.directory / f"{self.name}-{name}.{end}" for end in ("key", "csr", "crt"))
        self._openssl("req", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extension = self.directory / "ext"
        extension.write_text(f"subjectAltName={alternatives}\n" if alternatives else "basicConstraints=CA:FALSE\n")
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-days", "2",
                        "-CAcreateserial", "-extfile", extension, "-out", pem], check=True, capture_output=True)
        return pem, key


def server_context(certificate, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority.pem)
    return context


def data(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="penstock-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.authority, cls.other = Authority(cls.home, "one"), Authority(cls.home, "two")
        cls.server = cls.authority.issue("server", "IP:127.0.0.1,DNS:localhost")

    def serve(self, context):
        proxy = FaultyProxy(tls=context).start()
        self.addCleanup(proxy.stop)
        proxy.on("GET", ".", Answer(200, body={"metadata": {"name": "a"}}), times=None)
        return proxy

    def client(self, *arguments, env=None):
        client = Client(*arguments, *FAST, env=env)
        self.addCleanup(client.stop)
        return client

    def with_config(self, server, cluster=None, user=None):
        config = self.home / "config"
        config.write_text(kubeconfig(server, cluster, user))
        return self.client("--kubeconfig", config)

    def assert_refused(self, client):
        answer = client.call("get", **GET)
        self.assertEqual(answer["error"], "unavailable", answer)
        self.assertIn("SSL handshake", answer["what"])

    def test_trusts_the_authority_it_was_given_and_no_other(self):
        proxy = self.serve(server_context(self.server))
        url = f"https://127.0.0.1:{proxy.port}"
        for trusted in ({"certificate-authority-data": data(self.authority.pem)},
                        {"certificate-authority": str(self.authority.pem)}, {"certificate-authority": "one.crt"},
                        {"insecure-skip-tls-verify": True}):
            self.assertEqual(self.with_config(url, trusted).ok("get", **GET)["metadata"]["name"], "a")
        self.assert_refused(self.with_config(url, {"certificate-authority-data": data(self.other.pem)}))
        self.assert_refused(self.with_config(url))

    def test_the_systems_roots_do_not_count_beside_a_given_authority(self):
        proxy = self.serve(server_context(self.server))
        config = self.home / "config"
        url = f"https://127.0.0.1:{proxy.port}"
        env = {**os.environ, "SSL_CERT_FILE": str(self.authority.pem)}
        config.write_text(kubeconfig(url))
        self.client("--kubeconfig", config, env=env).ok("get", **GET)
        config.write_text(kubeconfig(url, {"certificate-authority-data": data(self.other.pem)}))
        self.assert_refused(self.client("--kubeconfig", config, env=env))

    def test_the_name_in_the_certificate_must_be_the_servers(self):
        proxy = self.serve(server_context(self.authority.issue("elsewhere", "DNS:elsewhere.test,IP:127.0.0.2")))
        trusted = {"certificate-authority-data": data(self.authority.pem)}
        for host in ("127.0.0.1", "localhost"):
            self.assert_refused(self.with_config(f"https://{host}:{proxy.port}", trusted))
        proxy = self.serve(server_context(self.server))
        self.with_config(f"https://localhost:{proxy.port}", trusted).ok("get", **GET)

    def test_old_protocols_are_refused(self):
        context = server_context(self.server)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        proxy = self.serve(context)
        self.assert_refused(self.with_config(f"https://127.0.0.1:{proxy.port}", {"insecure-skip-tls-verify": True}))

    def test_client_certificates(self):
        proxy = self.serve(server_context(self.server, client_authority=self.authority))
        url, trusted = f"https://127.0.0.1:{proxy.port}", {"certificate-authority-data": data(self.authority.pem)}
        pem, key = self.authority.issue("me")
        for user in ({"client-certificate-data": data(pem), "client-key-data": data(key)},
                     {"client-certificate": str(pem), "client-key": str(key)}):
            self.with_config(url, trusted, user).ok("get", **GET)
        pem, key = self.other.issue("me")
        answer = self.with_config(url, trusted, {"client-certificate": str(pem), "client-key": str(key)}).call(
            "get", **GET)
        self.assertEqual(answer["error"], "unavailable", answer)

    def service_account(self):
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.home))
        (directory / "token").write_text("first\n")
        (directory / "namespace").write_text("here")
        shutil.copy(self.authority.pem, directory / "ca.crt")
        return directory

    def in_cluster(self, directory, proxy):
        return self.client("--service-account", directory, env={
            **os.environ, "KUBERNETES_SERVICE_HOST": proxy.host, "KUBERNETES_SERVICE_PORT": str(proxy.port)})

    def test_a_pods_token_is_read_again_as_it_rotates(self):
        proxy = self.serve(server_context(self.server))
        directory = self.service_account()
        client = self.in_cluster(directory, proxy)
        client.ok("get", **GET)
        (directory / "token").write_text("second")
        client.ok("get", **GET)
        (directory / "token").unlink()  # Between two rotations.
        client.ok("get", **GET)
        self.assertEqual([r.headers["authorization"] for r in proxy.requests],
                         ["Bearer first", "Bearer second", "Bearer second"])

    def test_a_new_authority_is_learnt_from_the_pods_file(self):
        proxy = self.serve(server_context(self.server))
        directory = self.service_account()
        client = self.in_cluster(directory, proxy)
        client.ok("get", **GET)
        proxy.refuse()
        proxy.tls = server_context(self.other.issue("server", "IP:127.0.0.1"))
        proxy.accept_again()
        self.assertEqual(client.call("get", **GET)["error"], "unavailable")
        shutil.copy(self.other.pem, directory / "ca.crt")
        client.call("get", **GET)
        client.ok("get", **GET)


if __name__ == "__main__":
    unittest.main()

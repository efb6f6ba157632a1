#include "operator/kube/cpprest_transport.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include <cpprest/containerstream.h>
#include <cpprest/http_client.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pplx/threadpool.h>
#include <boost/asio/ssl/context.hpp>

namespace penstock::kube {
namespace {

using web::http::http_response;
using web::http::client::http_client;
using web::http::client::http_client_config;

void start_pool_once() {
  // The library's default is 40 threads. OpenSSL first: what is begun first is ended last, so that these
  // threads have given back what OpenSSL keeps for each when it ends.
  static const bool is_started =
      (OPENSSL_init_ssl(0, nullptr), crossplat::threadpool::initialize_with_threads(2), true);
  (void)is_started;
}

// The library has put the system's roots into the store: with a CA of our own they must not count.
void trust_only(boost::asio::ssl::context& context, const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509_STORE* store = X509_STORE_new();
  SSL_CTX_set_cert_store(context.native_handle(), store);
  // A bundle may hold several certificates; all count.
  while (X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
  }
  BIO_free(bio);
}

http_client_config make_config(const TransportOptions& options, int timeout_s) {
  http_client_config config;
  config.set_timeout(std::chrono::seconds(timeout_s));
  config.set_validate_certificates(!options.skip_tls_verify);
  config.set_request_compressed_response(false);
  config.set_ssl_context_callback([options](boost::asio::ssl::context& context) {
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    if (!options.ca_pem.empty()) trust_only(context, options.ca_pem);
    if (!options.client_certificate.empty()) {
      context.use_certificate_chain(boost::asio::buffer(options.client_certificate));
      context.use_private_key(boost::asio::buffer(options.client_key), boost::asio::ssl::context::pem);
    }
  });
  return config;
}

// One request and its reply.
struct Exchange : std::enable_shared_from_this<Exchange> {
  CppRestTransport::OnChunk on_chunk;
  CppRestTransport::OnDone on_done;
  pplx::cancellation_token_source cancel;
  HttpReply reply;
  concurrency::streams::streambuf<std::uint8_t> body;
  std::uint8_t first = 0;
  std::string chunk;

  void finish() { on_done(std::move(reply)); }
  void fail(std::exception_ptr error) {
    reply.status = 0;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      reply.error = exception.what();
    } catch (...) {
      reply.error = "unknown error of the HTTP library";
    }
    finish();
  }

  // A read of n bytes waits for all n; so one byte is awaited and then what has come with it is taken.
  void read_next() {
    auto self = shared_from_this();
    body.getn(&first, 1).then([self](pplx::task<std::size_t> done) {
      try {
        if (done.get() == 0) return self->finish();
        self->take_available();
      } catch (...) {
        self->fail(std::current_exception());
      }
    });
  }
  void take_available() {
    auto self = shared_from_this();
    const std::size_t available = body.in_avail();
    chunk.assign(1 + available, '\0');
    chunk[0] = static_cast<char>(first);
    if (available == 0) return deliver();
    body.getn(reinterpret_cast<std::uint8_t*>(chunk.data()) + 1, available)
        .then([self](pplx::task<std::size_t> done) {
          try {
            self->chunk.resize(1 + done.get());
            self->deliver();
          } catch (...) {
            self->fail(std::current_exception());
          }
        });
  }
  void deliver() {
    if (on_chunk && reply.status >= 200 && reply.status < 300) {
      on_chunk(std::move(chunk));
      chunk = {};
    } else if (reply.body.size() + chunk.size() > CppRestTransport::kBodyBytesMax) {
      reply.status = 0;
      reply.error = "the reply is larger than 64 MiB";
      cancel.cancel();
      return finish();
    } else {
      reply.body += chunk;
    }
    read_next();
  }
};

}  // namespace

struct CppRestTransport::Impl {
  explicit Impl(TransportOptions with)
      : options(std::move(with)),
        calls(options.server, make_config(options, options.call_timeout_s)),
        streams(options.server, make_config(options, options.stream_timeout_s)) {}
  TransportOptions options;
  http_client calls;
  http_client streams;
};

CppRestTransport::CppRestTransport(const TransportOptions& options) {
  start_pool_once();
  impl_ = std::make_unique<Impl>(options);
}
CppRestTransport::~CppRestTransport() = default;

void CppRestTransport::drop_connections(const std::string& ca_pem) {
  impl_->options.ca_pem = ca_pem;
  const TransportOptions& options = impl_->options;
  impl_->calls = http_client(options.server, make_config(options, options.call_timeout_s));
  impl_->streams = http_client(options.server, make_config(options, options.stream_timeout_s));
}

CppRestTransport::Cancel CppRestTransport::send(HttpCall call, OnChunk on_chunk, OnDone on_done) {
  auto exchange = std::make_shared<Exchange>();
  exchange->on_chunk = std::move(on_chunk);
  exchange->on_done = std::move(on_done);
  http_client& client = exchange->on_chunk ? impl_->streams : impl_->calls;
  try {
    web::http::http_request request(call.method);
    request.set_request_uri(web::uri(call.target));
    request.headers().add("Accept", "application/json");
    request.headers().add("User-Agent", "penstock");
    if (!call.authorization.empty()) request.headers().add("Authorization", call.authorization);
    if (!call.content_type.empty()) {
      // Bytes, not text: the library reads a string's stream of char through one of unsigned char, which is
      // undefined.
      std::vector<std::uint8_t> body(call.body.begin(), call.body.end());
      const std::size_t size = body.size();
      request.set_body(concurrency::streams::bytestream::open_istream(std::move(body)), size,
                       call.content_type);
    }
    client.request(request, exchange->cancel.get_token()).then([exchange](pplx::task<http_response> done) {
      try {
        http_response response = done.get();
        exchange->reply.status = response.status_code();
        auto retry_after = response.headers().find("Retry-After");
        if (retry_after != response.headers().end()) {
          exchange->reply.retry_after_s = std::atoi(retry_after->second.c_str());
        }
        exchange->body = response.body().streambuf();
        exchange->read_next();
      } catch (...) {
        exchange->fail(std::current_exception());
      }
    });
  } catch (...) {
    exchange->fail(std::current_exception());
  }
  return [exchange] { exchange->cancel.cancel(); };
}

}  // namespace penstock::kube

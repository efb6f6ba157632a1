#include "operator/kube/http_client.h"

#include <future>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/aio/asio_reactor.h"
#include "base/log.h"
#include "tests/support/scripted_http.h"

namespace penstock::kube {
namespace {

using testing::ScriptedHttp;

// A client on a reactor of its own; ask() runs a call there and waits for it.
struct Bench {
  explicit Bench(std::vector<ScriptedHttp::Reply> replies) : server(std::move(replies)) {
    base::set_log_level(base::LogLevel::kError);
    Credentials credentials;
    credentials.server = "http://127.0.0.1:" + std::to_string(server.port());
    credentials.token = "secret";
    client = std::make_unique<HttpKubeClient>(thread.reactor(), random, std::move(credentials));
  }
  static aio::Task<bool> stop(Bench& bench) {
    co_await bench.client->stop();
    co_return true;
  }

  template <typename T>
  static aio::Task<> fulfil(aio::Task<T> task, std::promise<T>& promise) {
    promise.set_value(co_await std::move(task));
  }
  template <typename Start>
  auto ask_task(Start start) {
    using T = decltype(start(*this).await_resume());
    std::promise<T> promise;
    auto future = promise.get_future();
    thread.reactor().post([&] { aio::spawn(gate, "ask", fulfil<T>(start(*this), promise)); });
    return future.get();
  }
  ~Bench() {
    ask_task([](Bench& bench) -> aio::Task<bool> { return stop(bench); });
    server.stop();
    thread.stop_and_join();
  }

  base::SystemClock clock;
  base::SeededRandom random{1};
  aio::BlockingPool pool{1};
  ScriptedHttp server;
  aio::ReactorThread thread{clock, pool, "test"};
  std::unique_ptr<HttpKubeClient> client;
  aio::Gate gate;
};

ScriptedHttp::Reply reply(int status, const char* body, const char* header = "") {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + header +
          "Content-Length: " + std::to_string(std::string_view(body).size()) + "\r\n\r\n" + body};
}

TEST(HttpKubeClient, RetriesWhatMayPassAndReportsWhatMayNot) {
  Bench bench({reply(503, "{}"),
               reply(429, "{}"),
               {""},
               reply(200, R"({"metadata":{"name":"a"}})"),
               reply(404, R"({"message":"pods \"b\" not found","reason":"NotFound"})"),
               reply(409, R"({"message":"exists","reason":"AlreadyExists"})"),
               reply(200, "not json")});
  const auto get = [](Bench& b) { return b.client->get(kPodKind, "ns", "a"); };
  const auto found = bench.ask_task(get);
  ASSERT_TRUE(found) << found.error().what();
  EXPECT_EQ((*found)["metadata"]["name"], "a");
  const auto missing = bench.ask_task(get);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), base::Errc::kNotFound);
  EXPECT_EQ(missing.error().what(), "GET /api/v1/namespaces/ns/pods/a: pods \"b\" not found");
  EXPECT_EQ(bench.ask_task(get).error().code(), base::Errc::kAlreadyExists);
  EXPECT_EQ(bench.ask_task(get).error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(bench.server.requests().size(), 7u);
  EXPECT_TRUE(bench.server.requests()[0].contains("\r\nAuthorization:Bearer secret\r\n"))
      << bench.server.requests()[0];
}

TEST(HttpKubeClient, PutsPagesTogetherAndStartsAgainWhenTheyExpire) {
  Bench bench({reply(200, R"({"metadata":{"resourceVersion":"5","continue":"x"},"items":[{"n":1}]})"),
               reply(410, R"({"message":"expired","reason":"Expired"})"),
               reply(200, R"({"metadata":{"resourceVersion":"7","continue":"y"},"items":[{"n":2}]})"),
               reply(200, R"({"metadata":{"resourceVersion":"7"},"items":[{"n":3}]})")});
  const auto list = bench.ask_task([](Bench& b) { return b.client->list(kPodKind, Selection{"", "a=b"}); });
  ASSERT_TRUE(list) << list.error().what();
  EXPECT_EQ(
      (*list)["items"],
      Json::parse(R"([{"apiVersion":"v1","kind":"Pod","n":2},{"apiVersion":"v1","kind":"Pod","n":3}])"));
  EXPECT_EQ((*list)["metadata"]["resourceVersion"], "7");
  EXPECT_TRUE(bench.server.requests()[0].starts_with("GET /api/v1/pods?limit=500&labelSelector=a%3Db "));
  EXPECT_NE(bench.server.requests()[3].find("continue=y"), std::string::npos);
}

TEST(HttpKubeClient, SendsAnObjectAsItIs) {
  const Json object = {{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"metadata", {{"name", "a"}, {"namespace", "ns"}}},
                       {"data", {{"text", "\u00e9" + std::string(100'000, 'x')}}}};
  Bench bench({reply(200, R"({"metadata":{"name":"a"}})")});
  const auto applied = bench.ask_task([&](Bench& b) { return b.client->apply(kConfigMapKind, object, {}); });
  ASSERT_TRUE(applied) << applied.error().what();
  const std::string request = bench.server.requests()[0];
  EXPECT_TRUE(request.starts_with("PATCH /api/v1/namespaces/ns/configmaps/a?")) << request.substr(0, 500);
  EXPECT_TRUE(request.contains("\r\nContent-Type:application/apply-patch+yaml\r\n"))
      << request.substr(0, 500);
  EXPECT_EQ(Json::parse(request.substr(request.find("\r\n\r\n") + 4)), object);
}

TEST(HttpKubeClient, WatchesGiveEventsAsTheyComeAndEnd) {
  const std::string events =
      "{\"type\":\"ADDED\",\"object\":{\"n\":1}}\n{\"type\":\"MODIFIED\",\"object\":{\"n\":2}}\n";
  Bench bench({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string("5\r\n") +
                events.substr(0, 5) + "\r\n" +
                [&] {
                  char size[16];
                  std::snprintf(size, sizeof size, "%zx", events.size() - 5);
                  return std::string(size);
                }() +
                "\r\n" + events.substr(5) + "\r\n0\r\n\r\n"},
               reply(410, R"({"message":"too old","reason":"Expired"})")});
  std::string seen;
  const auto watch = [&seen](Bench& b) {
    WatchCallback callback = [&seen](WatchEventType, const Json& object) { seen += object.dump(); };
    return b.client->watch(kPodKind, {}, "5", std::move(callback), {});
  };
  const auto ended = bench.ask_task(watch);
  EXPECT_TRUE(ended) << ended.error().what();
  EXPECT_EQ(seen, R"({"n":1}{"n":2})");
  EXPECT_NE(bench.server.requests()[0].find("resourceVersion=5"), std::string::npos);
  EXPECT_EQ(bench.ask_task(watch).error().code(), base::Errc::kOutOfRange);
}

}  // namespace
}  // namespace penstock::kube

#include "operator/reconcile/http_broker_admin.h"

#include <future>

#include <gtest/gtest.h>

#include "base/aio/asio_reactor.h"
#include "base/aio/asio_transport.h"
#include "base/aio/gate.h"
#include "base/log.h"
#include "tests/support/scripted_http.h"

namespace penstock::reconcile {
namespace {

using testing::ScriptedHttp;

// A client on a reactor of its own; ask() runs a call there and waits for it.
struct Bench {
  explicit Bench(std::vector<ScriptedHttp::Reply> replies) : server(std::move(replies)) {
    base::set_log_level(base::LogLevel::kError);
  }
  ~Bench() {
    server.stop();
    thread.stop_and_join();
  }
  template <typename T>
  static aio::Task<> fulfil(aio::Task<T> task, std::promise<T>& promise) {
    promise.set_value(co_await std::move(task));
  }
  template <typename Start>
  auto ask(Start start) {
    using T = decltype(start(admin).await_resume());
    std::promise<T> promise;
    auto future = promise.get_future();
    thread.reactor().post([&] { aio::spawn(gate, "ask", fulfil<T>(start(admin), promise)); });
    return future.get();
  }

  base::SystemClock clock;
  aio::BlockingPool pool{1};
  ScriptedHttp server;
  aio::ReactorThread thread{clock, pool, "test"};
  aio::AsioTransport transport{thread.reactor()};
  HttpBrokerAdmin admin{thread.reactor(), transport, server.port()};
  aio::Gate gate;
};

ScriptedHttp::Reply reply(int status, const std::string& body) {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body};
}
const AdminPort kPort{"127.0.0.1", "secret"};

TEST(HttpBrokerAdmin, ReadsTheClustersView) {
  Bench bench({reply(200, R"({"controllerId":2,"controllerEpoch":9,"isActiveController":true,
      "voters":[0,2,4],
      "brokers":[{"id":0,"epoch":41,"incarnation":"x","fenced":false,"inControlledShutdown":true},
                 {"id":2,"epoch":43,"incarnation":"y","fenced":true,"inControlledShutdown":false}],
      "underReplicatedPartitions":3,"underMinIsrPartitions":2,"offlinePartitions":1,
      "lastFailover":{"ms":250,"brokerId":0,"atMs":1700000000000}})")});
  const auto view = bench.ask([](HttpBrokerAdmin& admin) { return admin.describe_cluster(kPort); });
  ASSERT_TRUE(view.has_value()) << view.error().what();
  EXPECT_EQ(view->controller, 2);
  EXPECT_TRUE(view->is_active_controller);
  EXPECT_EQ(view->voters, (std::vector<std::int32_t>{0, 2, 4}));
  EXPECT_EQ(view->find(0)->epoch, 41);
  EXPECT_FALSE(view->is_serving(0));
  EXPECT_FALSE(view->is_serving(2));
  EXPECT_EQ(view->find(7), nullptr);
  EXPECT_EQ(view->under_replicated + view->under_min_isr * 10 + view->offline * 100, 123);
  EXPECT_EQ(view->last_failover->ms, 250);
  const auto requests = bench.server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_TRUE(requests[0].starts_with("GET /v1/cluster HTTP/1.1\r\n"));
  EXPECT_NE(requests[0].find("Authorization: Bearer secret\r\n"), std::string::npos);
}

TEST(HttpBrokerAdmin, AsksForStopsAndTellsOfDeaths) {
  Bench bench({reply(200, R"({"granted":true,"expiresMs":7})"),
               reply(409, R"({"granted":false,"reason":"broker 2 is fenced"})"),
               reply(421, R"({"controllerId":1})"), reply(200, R"({"released":true})"),
               reply(200, R"({"fenced":true})")});
  const auto reserve = [](HttpBrokerAdmin& admin) { return admin.reserve_stop(kPort, 1, "me"); };
  EXPECT_TRUE(bench.ask(reserve)->is_granted);
  EXPECT_EQ(bench.ask(reserve)->reason, "broker 2 is fenced");
  EXPECT_EQ(bench.ask(reserve).error().code(), base::Errc::kConflict);
  EXPECT_TRUE(bench.ask([](HttpBrokerAdmin& admin) { return admin.release_stop(kPort, 1); }).has_value());
  EXPECT_TRUE(*bench.ask([](HttpBrokerAdmin& admin) { return admin.report_dead(kPort, {1, 44}); }));
  const auto requests = bench.server.requests();
  EXPECT_TRUE(requests[0].ends_with(R"({"brokerId":1,"holder":"me"})"));
  EXPECT_TRUE(requests[3].starts_with("DELETE /v1/stop-reservations/1 "));
  EXPECT_TRUE(requests[4].ends_with(R"({"brokerId":1,"epoch":44})"));
}

TEST(HttpBrokerAdmin, WhatIsNoAnswerIsAnError) {
  Bench bench({reply(401, R"({"error":"the header is needed"})"),
               reply(404, "there are others\n"),
               reply(503, ""),
               {"HTTP/1.1"},
               {""},
               reply(200, "[]")});
  const auto code = [&] {
    const auto view = bench.ask([](HttpBrokerAdmin& admin) { return admin.describe_cluster(kPort); });
    return view ? base::Errc::kInternal : view.error().code();
  };
  EXPECT_EQ(code(), base::Errc::kPermissionDenied);
  EXPECT_EQ(code(), base::Errc::kNotFound);
  EXPECT_EQ(code(), base::Errc::kUnavailable);
  EXPECT_EQ(code(), base::Errc::kCorrupt);
  EXPECT_EQ(code(), base::Errc::kCorrupt);
  // JSON of another shape tells nothing of a cluster.
  EXPECT_EQ(code(), base::Errc::kCorrupt);
}

}  // namespace
}  // namespace penstock::reconcile

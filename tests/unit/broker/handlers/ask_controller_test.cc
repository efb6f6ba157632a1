// Requests about several topics, of which the principal may touch some.
#include "broker/handlers/ask_controller.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "broker/handlers/handler_table.h"
#include "broker/security/authorizer.h"
#include "kafka/error_codes.h"

namespace penstock::handlers {
namespace {

using kafka::CreateTopicsRequest;
using kafka::CreateTopicsResponse;
using kafka::ErrorCode;

class EmptyController : public metadata::ControllerApi {
 public:
#define EMPTY_ANSWER(method, Message, decision)                                                 \
  aio::Task<kafka::Message##Response> method(aio::Reactor&, kafka::Message##Request) override { \
    co_return kafka::Message##Response();                                                       \
  }
  PENSTOCK_CONTROLLER_CALLS(EMPTY_ANSWER)
  EMPTY_ANSWER(register_controller, ControllerRegistration, )
  PENSTOCK_QUORUM_CALLS(EMPTY_ANSWER)
#undef EMPTY_ANSWER
};

class TopicMaker final : public EmptyController {
 public:
  aio::Task<CreateTopicsResponse> create_topics(aio::Reactor&, CreateTopicsRequest request) override {
    CreateTopicsResponse response;
    for (const auto& topic : request.topics) {
      asked.push_back(topic.name);
      response.topics.emplace_back().name = topic.name;
    }
    ++calls;
    co_return response;
  }
  std::vector<std::string> asked;
  int calls = 0;
};

// Topics that begin with "secret" and the cluster are not for the principal.
class Secrets final : public security::Authorizer {
 public:
  bool authorize(const security::Access& access) const override {
    return access.kind == security::ResourceKind::kTopic && !access.name.starts_with("secret");
  }
};

class AskControllerTest : public ::testing::Test {
 protected:
  AskControllerTest() {
    services_.controller = &controller_;
    services_.authorizer = &authorizer_;
  }

  static aio::Task<> keep(aio::Task<Reply> task, std::optional<Reply>& reply) {
    reply = co_await std::move(task);
  }

  // "NAME ERROR" of each answer, in order.
  std::vector<std::string> create(const std::vector<std::string>& names) {
    constexpr std::int16_t kVersion = CreateTopicsRequest::kHighestVersion;
    CreateTopicsRequest request;
    for (const std::string& name : names) request.topics.emplace_back().name = name;
    base::ByteWriter writer;
    EXPECT_TRUE(kafka::encode(request, kVersion, writer));
    const base::Bytes body = writer.take();
    RequestContext context{.api_key = CreateTopicsRequest::kApiKey,
                           .api_version = kVersion,
                           .reactor = reactor_,
                           .services = services_};
    std::optional<Reply> reply;
    const Handler* handler = find_handler(static_cast<std::int16_t>(CreateTopicsRequest::kApiKey));
    aio::start_detached(keep(handler->handle(context, body), reply));
    EXPECT_TRUE(reply.has_value());
    base::ByteReader reader(reply->bytes);
    const auto response = kafka::decode<CreateTopicsResponse>(reader, kVersion);
    EXPECT_TRUE(response);
    std::vector<std::string> answers;
    for (const auto& topic : response->topics) {
      answers.push_back(topic.name + " " +
                        std::string(kafka::error_name(static_cast<ErrorCode>(topic.error_code))));
    }
    return answers;
  }

  aio::SimScheduler scheduler_{1};
  aio::SimReactor reactor_{scheduler_};
  TopicMaker controller_;
  Secrets authorizer_;
  Services services_;
};

using Texts = std::vector<std::string>;

TEST_F(AskControllerTest, WhatIsRefusedIsNotAskedAndComesLast) {
  EXPECT_EQ(create({"secret-1", "a", "secret-2", "b"}),
            (Texts{"a NONE", "b NONE", "secret-1 TOPIC_AUTHORIZATION_FAILED",
                   "secret-2 TOPIC_AUTHORIZATION_FAILED"}));
  EXPECT_EQ(controller_.asked, (Texts{"a", "b"}));
}

TEST_F(AskControllerTest, NothingIsAskedWhenAllIsRefused) {
  EXPECT_EQ(create({"secret"}), (Texts{"secret TOPIC_AUTHORIZATION_FAILED"}));
  EXPECT_EQ(controller_.calls, 0);
}

}  // namespace
}  // namespace penstock::handlers

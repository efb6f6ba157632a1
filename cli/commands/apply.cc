#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/aio/sleep.h"
#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/session.h"
#include "operator/kube/http_client.h"
#include "operator/resources/conditions.h"
#include "operator/resources/validation.h"

namespace penstock::cli {

namespace {

using aio::Task;
using base::Errc;
using base::fail;
using base::Result;
using kube::HttpKubeClient;
using Json = nlohmann::json;

constexpr const char* kFieldManager = "penstock";
// The directory that an object was applied from, so that --prune knows what was removed from it.
constexpr const char* kDirectoryAnnotation = "penstock.dev/applied-from";
constexpr std::int64_t kDefaultTimeoutS = 300;

constexpr OptionSpec kOptions[] = {
    {"filename", "PATH", "A file, a directory of manifests, or '-'; may be given again.", 'f', true},
    {"namespace", "NS", "For objects that name none.", 'n'},
    {"prune", "", "Delete what was applied from the same directory before and is no longer in it."},
    {"dry-run", "", "Check the manifests and send nothing."},
    {"wait", "", "Wait until clusters and topics are Ready."},
    {"timeout", "SECONDS", "How long --wait waits [300]."},
    {"kubeconfig", "FILE",
     "Where Kubernetes is [$KUBECONFIG, $PENSTOCK_HOME/kubeconfig, .penstock/kubeconfig]."},
};

struct ApplyRequest {
  std::vector<LoadedObject> objects;
  std::vector<std::string> directories;  // Those to prune.
  std::string default_namespace;
  bool waits = false;
  std::int64_t timeout_s = kDefaultTimeoutS;
};

std::string version_of(const Json& object) {
  const auto metadata = object.find("metadata");
  return metadata == object.end() ? std::string() : metadata->value("resourceVersion", "");
}

// What may not become of the object that is there: a topic cannot have fewer partitions. Asked of all objects
// before the first is sent, so that a manifest takes effect whole or not at all.
Task<Result<std::vector<std::string>>> check_changes(HttpKubeClient& client, const ApplyRequest& request) {
  std::vector<std::string> errors;
  for (const LoadedObject& object : request.objects) {
    const std::string ns = object.ns().empty() ? request.default_namespace : object.ns();
    const auto before = co_await client.get(object.kind, ns, object.name());
    if (!before && before.error().code() == Errc::kNotFound) continue;
    if (!before) co_return fail(before.error());
    for (const auto& error : resources::validate(*object.document.object, &*before)) {
      errors.push_back(fmt::format("{}: {}", object.file, resources::describe(object.document, error)));
    }
  }
  co_return errors;
}

// Sends one object and says what became of it.
Task<Result<>> apply_one(HttpKubeClient& client, const LoadedObject& object, std::string ns) {
  Json wanted = *object.document.object;
  wanted["metadata"]["namespace"] = ns;
  wanted.erase("status");
  if (!object.directory.empty()) wanted["metadata"]["annotations"][kDirectoryAnnotation] = object.directory;
  const auto before = co_await client.get(object.kind, ns, object.name());
  if (!before && before.error().code() != Errc::kNotFound) co_return fail(before.error());
  kube::ApplyOptions options;
  options.field_manager = kFieldManager;
  const auto after = co_await client.apply(object.kind, std::move(wanted), std::move(options));
  if (!after) co_return fail(after.error());
  const char* outcome = "created";
  if (before) outcome = version_of(*before) == version_of(*after) ? "unchanged" : "configured";
  fmt::print("{} {}\n", object.title(), outcome);
  co_return Result<>{};
}

// The object's place in its manifest, for an error of the server.
std::string place_of(const LoadedObject& object) {
  return fmt::format("{}: document {}, line {}: {}", object.file, object.document.index, object.document.line,
                     object.title());
}

Task<Result<>> prune(HttpKubeClient& client, const ApplyRequest& request) {
  std::set<std::string> kept;
  for (const LoadedObject& object : request.objects) {
    kept.insert((object.ns().empty() ? request.default_namespace : object.ns()) + " " + object.title());
  }
  // Topics before the clusters that they are in.
  for (const kube::Kind& kind : {kube::kKafkaTopicKind, kube::kKafkaClusterKind}) {
    const auto found = co_await client.list(kind, {});
    if (!found) co_return fail(found.error());
    for (const Json& object : found->value("items", Json::array())) {
      const Json& metadata = object.at("metadata");
      const std::string directory =
          metadata.value("annotations", Json::object()).value(kDirectoryAnnotation, "");
      if (std::ranges::find(request.directories, directory) == request.directories.end()) continue;
      const std::string ns = metadata.value("namespace", "");
      const std::string name = metadata.value("name", "");
      const std::string title = fmt::format("{}.{}/{}", kind.plural, kind.group, name);
      if (kept.contains(ns + " " + title) || metadata.contains("deletionTimestamp")) continue;
      CO_TRY(co_await client.remove(kind, ns, name, {}));
      fmt::print("{} deleted\n", title);
    }
  }
  co_return Result<>{};
}

// Why an object is not ready, as its condition says.
std::string waiting_for(const Json& object) {
  const Json& condition = resources::find_condition(object, "Ready");
  if (condition.empty()) return "waiting for the operator";
  return fmt::format("{}: {}", condition.value("reason", ""), condition.value("message", ""));
}

Task<Result<>> wait_until_ready(HttpKubeClient& client, aio::Reactor& reactor, const LoadedObject& object,
                                std::string ns, base::MonoTime deadline) {
  constexpr auto kPause = base::milliseconds(250);
  std::string said;
  while (true) {
    const auto found = co_await client.get(object.kind, ns, object.name());
    if (!found) co_return fail(found.error());
    if (resources::is_condition_true(*found, "Ready")) {
      fmt::print("{} is ready\n", object.title());
      co_return Result<>{};
    }
    if (std::string why = waiting_for(*found); why != said) {
      said = std::move(why);
      fmt::print("{} is not ready yet: {}\n", object.title(), said);
      std::fflush(stdout);
    }
    if (reactor.now() >= deadline) {
      co_return fail(Errc::kTimedOut, fmt::format("{} is not ready in time: {}", object.title(), said));
    }
    CO_TRY(co_await aio::sleep_for(reactor, kPause));
  }
}

bool has_conditions(const LoadedObject& object) { return object.kind.group == kube::kKafkaClusterKind.group; }

Task<int> apply_main(HttpKubeClient& client, aio::Reactor& reactor, const ApplyRequest& request) {
  const auto ns_of = [&](const LoadedObject& object) {
    return object.ns().empty() ? request.default_namespace : object.ns();
  };
  const auto errors = co_await check_changes(client, request);
  if (!errors) {
    fmt::print(stderr, "penstock apply: {}: {}\n", client.credentials().server, errors.error().what());
    co_return 1;
  }
  for (const std::string& error : *errors) fmt::print(stderr, "{}\n", error);
  if (!errors->empty()) {
    fmt::print(stderr, "penstock apply: nothing was changed\n");
    co_return 1;
  }
  bool is_failed = false;
  for (const LoadedObject& object : request.objects) {
    const auto applied = co_await apply_one(client, object, ns_of(object));
    if (applied) continue;
    fmt::print(stderr, "{}: {}\n", place_of(object), applied.error().what());
    is_failed = true;
  }
  if (is_failed) co_return 1;  // Nothing is pruned after a failure: the directory may not be what was meant.
  if (!request.directories.empty()) {
    const auto pruned = co_await prune(client, request);
    if (!pruned) fmt::print(stderr, "penstock apply: prune: {}\n", pruned.error().what());
    if (!pruned) co_return 1;
  }
  if (!request.waits) co_return 0;
  const base::MonoTime deadline = reactor.now() + base::seconds(request.timeout_s);
  for (const LoadedObject& object : request.objects) {
    if (!has_conditions(object)) continue;
    const auto ready = co_await wait_until_ready(client, reactor, object, ns_of(object), deadline);
    if (ready) continue;
    fmt::print(stderr, "penstock apply: {}\n", ready.error().what());
    co_return 1;
  }
  co_return 0;
}

// What is asked, or nothing when errors were written.
Result<std::optional<ApplyRequest>> read_request(const Options& options) {
  const auto& paths = options.values("filename");
  if (paths.empty()) return fail(Errc::kInvalidArgument, "say what to apply: -f FILE or -f DIRECTORY");
  ApplyRequest request;
  TRY_ASSIGN(const auto timeout, options.number("timeout", 0, INT32_MAX));
  request.timeout_s = timeout.value_or(kDefaultTimeoutS);
  request.waits = options.has("wait");
  auto loaded = load_manifests(paths);
  if (!loaded) {
    fmt::print(stderr, "penstock apply: {}\n", loaded.error().what());
    return std::optional<ApplyRequest>();
  }
  for (const std::string& error : loaded->errors) fmt::print(stderr, "{}\n", error);
  if (!loaded->errors.empty()) {
    fmt::print(stderr, "penstock apply: nothing was changed\n");
    return std::optional<ApplyRequest>();
  }
  request.objects = std::move(loaded->objects);
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (options.has("prune") && std::filesystem::is_directory(path, ignored)) {
      request.directories.push_back(std::filesystem::weakly_canonical(path, ignored));
    }
  }
  if (options.has("prune") && request.directories.empty()) {
    return fail(Errc::kInvalidArgument, "--prune needs -f DIRECTORY");
  }
  return request;
}

Result<int> run_apply(const Options& options) {
  TRY_ASSIGN(std::optional<ApplyRequest> request, read_request(options));
  if (!request) return 1;
  if (options.has("dry-run")) {
    for (const LoadedObject& object : request->objects) fmt::print("{} is valid\n", object.title());
    return 0;
  }
  auto credentials = credentials_of(options);
  if (!credentials) {
    fmt::print(stderr, "penstock apply: {}\n", credentials.error().what());
    return 1;
  }
  request->default_namespace = options.value_or("namespace", credentials->default_namespace);
  return run_with_kube(std::move(*credentials), [&request](HttpKubeClient& client, aio::Reactor& reactor) {
    return apply_main(client, reactor, *request);
  });
}

}  // namespace

extern const Command apply_command;
const Command apply_command = {
    .name = "apply",
    .tool_name = "",
    .summary = "Make clusters and topics what manifests say.",
    .synopsis = "-f PATH [--prune] [--wait] [options]",
    .details =
        "Every document is checked first; if one is wrong, its file, document, line and field are named and\n"
        "nothing is changed.\n\n"
        "examples:\n"
        "  penstock apply -f manifests/quickstart.yaml --wait\n"
        "  penstock apply -f my-cluster/ --prune",
    .options = kOptions,
    .run = run_apply,
};

}  // namespace penstock::cli

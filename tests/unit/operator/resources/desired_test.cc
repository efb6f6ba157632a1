#include "operator/resources/desired.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/config.h"
#include "operator/resources/admin_secret.h"
#include "operator/resources/diff.h"
#include "operator/resources/first_start.h"

namespace penstock::resources {
namespace {

KafkaCluster demo(const char* spec = R"({"storage":{"size":"1Gi"}})") {
  auto cluster =
      KafkaCluster::parse({{"kind", "KafkaCluster"},
                           {"metadata", {{"name", "demo"}, {"namespace", "kafka"}, {"uid", "u-1"}}},
                           {"spec", Json::parse(spec)}});
  EXPECT_TRUE(cluster) << cluster.error().what();
  return *cluster;
}

const ClusterIdentity kIdentity{"cluster-id", 100, {"directory-id"}};
constexpr const char* kThree = R"({"replicas":3,"storage":{"size":"1Gi"}})";

Json set_of(const KafkaCluster& cluster) {
  return build_stateful_set(cluster, kIdentity, "demo-config-1", {"localhost/penstock:dev"});
}

bool has_argument(const Json& set, const std::string& argument) {
  const Json& args = set["spec"]["template"]["spec"]["containers"][0]["args"];
  return std::find(args.begin(), args.end(), argument) != args.end();
}

TEST(Desired, EverythingIsLabelledOwnedAndInItsNamespace) {
  const KafkaCluster cluster = demo();
  for (const Json& object : {build_service_account(cluster), build_brokers_service(cluster),
                             build_bootstrap_service(cluster), build_config_map(cluster), set_of(cluster),
                             build_disruption_budget(cluster), build_identity(cluster, kIdentity),
                             build_first_start(cluster, kIdentity, {}), build_admin_secret(cluster, "t")}) {
    const Json& meta = object["metadata"];
    EXPECT_EQ(meta["namespace"], "kafka");
    EXPECT_EQ(meta["labels"][kClusterLabel], "demo");
    EXPECT_EQ(meta["labels"][kManagedByLabel], kManagedByValue);
    EXPECT_EQ(meta["ownerReferences"][0]["uid"], "u-1");
    EXPECT_EQ(meta["ownerReferences"][0]["blockOwnerDeletion"], true);
  }
}

// Recommended labels all of them; none that GitOps tools would take for theirs.
TEST(Desired, LabelsAreOursAlone) {
  auto parsed = KafkaCluster::parse(
      Json::parse(R"({"kind":"KafkaCluster","metadata":{"name":"demo","namespace":"kafka","uid":"u-1",
      "labels":{"app.kubernetes.io/instance":"argo-app","kustomize.toolkit.fluxcd.io/name":"flux"},
      "annotations":{"argocd.argoproj.io/tracking-id":"x"}},
      "spec":{"storage":{"size":"1Gi"},"image":{"reference":"r:5000/penstock:0.2.0@sha256:00"}}})"));
  ASSERT_TRUE(parsed);
  const Json set = set_of(*parsed);
  std::set<std::string> names;
  for (const auto& [name, value] : set["metadata"]["labels"].items()) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"app.kubernetes.io/component", "app.kubernetes.io/instance",
                                          "app.kubernetes.io/managed-by", "app.kubernetes.io/name",
                                          "app.kubernetes.io/part-of", "app.kubernetes.io/version",
                                          "penstock.dev/cluster"}));
  EXPECT_EQ(set["metadata"]["labels"]["app.kubernetes.io/instance"], "demo");
  EXPECT_EQ(set["spec"]["template"]["metadata"]["labels"][kVersionLabel], "0.2.0");
  // A claim template can never change, so nothing in it may depend on the image.
  EXPECT_FALSE(set["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"].contains(kVersionLabel));
  EXPECT_EQ(set.dump().find("argo"), std::string::npos);
  for (const char* image : {"penstock", "r:5000/penstock", "penstock@sha256:00", "penstock:_dev"}) {
    parsed->image = image;
    EXPECT_FALSE(set_of(*parsed)["metadata"]["labels"].contains(kVersionLabel)) << image;
  }
}

// A cluster may be called "default" and must not take the namespace's own ServiceAccount.
TEST(Desired, TheServiceAccountHasNoAccessAndANameOfItsOwn) {
  const Json account = build_service_account(demo());
  EXPECT_EQ(account["metadata"]["name"], "demo-brokers");
  EXPECT_EQ(account["automountServiceAccountToken"], false);
  EXPECT_EQ(set_of(demo())["spec"]["template"]["spec"]["serviceAccountName"], "demo-brokers");
}

// What a namespace that enforces the restricted Pod Security Standard asks for.
TEST(Desired, PodsAreRestricted) {
  const Json pod = set_of(demo())["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  const Json& context = pod["containers"][0]["securityContext"];
  EXPECT_EQ(context["allowPrivilegeEscalation"], false);
  EXPECT_EQ(context["readOnlyRootFilesystem"], true);
  EXPECT_EQ(context["capabilities"]["drop"], Json::array({"ALL"}));
}

// Whoever comes by the pod's loopback (port-forward) is told localhost, everybody else the pod's name.
TEST(Desired, TheLoopbackListenerAdvertisesAPortOfLocalhostForEachBroker) {
  const Json set = set_of(demo());
  const Json container = set["spec"]["template"]["spec"]["containers"][0];
  EXPECT_TRUE(has_argument(set, "--port-by-ordinal"));
  EXPECT_TRUE(has_argument(
      set, "listeners=PLAINTEXT://$(POD_IP):9092,CONTROLLER://$(POD_IP):9093$(PENSTOCK_LOOPBACK_LISTENER)"));
  EXPECT_TRUE(has_argument(
      set,
      "advertised.listeners=PLAINTEXT://$(POD_NAME).demo-brokers.$(POD_NAMESPACE).svc:9092,"
      "CONTROLLER://$(POD_NAME).demo-brokers.$(POD_NAMESPACE).svc:9093$(PENSTOCK_LOOPBACK_ADVERTISED)"));
  std::map<std::string, std::string> values;
  for (const Json& variable : container["env"]) values[variable["name"]] = variable.value("value", "");
  EXPECT_EQ(values["PENSTOCK_LOOPBACK_LISTENER"], ",LOOPBACK://127.0.0.1:9092");
  EXPECT_EQ(values["PENSTOCK_LOOPBACK_ADVERTISED"], ",LOOPBACK://localhost:9092");
  EXPECT_NE(server_properties(demo()).find("LOOPBACK:PLAINTEXT"), std::string::npos);
}

// With three brokers and more the three lowest are the quorum; another broker changes nothing for those that
// run.
TEST(Desired, TheLowestOrdinalsAreTheQuorum) {
  const auto set = [](int replicas) {
    return set_of(demo(Json{{"replicas", replicas}, {"storage", {{"size", "1Gi"}}}}.dump().c_str()));
  };
  const std::string host = ".demo-brokers.kafka.svc:9093";
  const std::string key = "controller.quorum.bootstrap.servers=";
  EXPECT_TRUE(has_argument(set(1), key + "demo-0" + host));
  EXPECT_TRUE(has_argument(set(2), key + "demo-0" + host));
  EXPECT_TRUE(has_argument(set(3), key + "demo-0" + host + ",demo-1" + host + ",demo-2" + host));
  EXPECT_TRUE(has_argument(set(2), "1"));
  EXPECT_FALSE(has_argument(set(2), "3"));
  EXPECT_TRUE(has_argument(set(3), "3"));
  EXPECT_EQ(set(3)["spec"]["template"], set(4)["spec"]["template"]);
  EXPECT_EQ(set(4)["spec"]["replicas"], 4);
}

TEST(Desired, FiveVotersAreThereOnRequestAndOfFiveBrokers) {
  const auto controllers = [](int replicas) {
    const Json spec = {{"replicas", replicas}, {"voters", 5}, {"storage", {{"size", "1Gi"}}}};
    return read_controller_roles(set_of(demo(spec.dump().c_str()))).controllers;
  };
  EXPECT_EQ(controllers(2), 1);
  EXPECT_EQ(controllers(4), 3);
  EXPECT_EQ(controllers(5), 5);
  EXPECT_EQ(controllers(7), 5);
  EXPECT_FALSE(KafkaCluster::parse({{"kind", "KafkaCluster"},
                                    {"metadata", {{"name", "demo"}, {"namespace", "kafka"}}},
                                    {"spec", {{"voters", 4}, {"storage", {{"size", "1Gi"}}}}}}));
}

TEST(Desired, TheRolesOfControllersAreReadBack) {
  KafkaCluster cluster = demo(kThree);
  EXPECT_EQ(read_controller_roles(set_of(cluster)).controllers, 3);
  EXPECT_TRUE(read_controller_roles(set_of(cluster)).may_join);
  cluster.may_join = false;
  const Json set = set_of(cluster);
  EXPECT_FALSE(read_controller_roles(set).may_join);
  const Json pod = set["spec"]["template"];
  EXPECT_EQ(read_controller_roles(pod).controllers, 3);
  EXPECT_FALSE(read_controller_roles(pod).may_join);
  for (const Json& other : {Json(), Json::object(), Json{{"spec", {{"containers", Json::array({1})}}}}}) {
    EXPECT_EQ(read_controller_roles(other).controllers, 0);
  }
}

TEST(Desired, ThreeReplicasAreTheDefaultWhereThereAreThreeBrokers) {
  const auto properties = [](const char* spec) {
    return base::parse_properties(server_properties(demo(spec))).value();
  };
  EXPECT_EQ(properties(kThree)["default.replication.factor"], "3");
  EXPECT_EQ(properties(kThree)["offsets.topic.replication.factor"], "3");
  EXPECT_EQ(properties(kThree)["transaction.state.log.min.isr"], "2");
  EXPECT_EQ(properties(kThree)["controller.quorum.auto.join.enable"], "true");
  EXPECT_EQ(demo(kThree).default_min_in_sync_replicas(), 2);
  const auto two = properties(R"({"replicas":2,"storage":{"size":"1Gi"}})");
  EXPECT_EQ(two.at("default.replication.factor"), "2");
  EXPECT_EQ(two.at("transaction.state.log.min.isr"), "1");
  const char* kFew = R"({"replicas":5,"storage":{"size":"1Gi"},"topicDefaults":{"replicationFactor":2}})";
  EXPECT_EQ(properties(kFew)["default.replication.factor"], "2");
  EXPECT_EQ(properties(kFew)["offsets.topic.replication.factor"], "3");
  EXPECT_EQ(demo(kFew).default_min_in_sync_replicas(), 1);
}

TEST(Desired, TheFirstStartNamesTheInitialControllersAndWhoHasBegun) {
  const ClusterIdentity identity{"cluster-id", 100, {"a", "b"}};
  EXPECT_EQ(initial_controllers(identity), (NodeIds{100, 101}));
  const Json map = build_first_start(demo(kThree), identity, {101});
  EXPECT_EQ(map["data"][kFirstStartFile],
            "initial.controllers=100@demo-0.demo-brokers.kafka.svc:9093:a,"
            "101@demo-1.demo-brokers.kafka.svc:9093:b\nformatted=101\n");
  EXPECT_EQ(read_formatted(map).value(), (NodeIds{101}));
  EXPECT_EQ(read_formatted(build_first_start(demo(kThree), identity, {})).value(), NodeIds{});
  EXPECT_EQ(read_formatted(build_first_start(demo(kThree), identity, {100, 101})).value(),
            (NodeIds{100, 101}));
  EXPECT_EQ(read_formatted(Json::object()).error().code(), base::Errc::kCorrupt);
  Json bad = map;
  bad["data"][kFirstStartFile] = "formatted=1,x";
  EXPECT_EQ(read_formatted(bad).error().code(), base::Errc::kCorrupt);
  // Pods read it when they start, so that a change of it restarts none.
  EXPECT_TRUE(has_argument(set_of(demo(kThree)), "/etc/penstock-first-start/first-start.properties"));
}

TEST(Desired, TheAdminTokenIsMounted) {
  const Json secret = build_admin_secret(demo(), "a-token");
  EXPECT_EQ(secret["metadata"]["name"], "demo-admin");
  EXPECT_EQ(secret["data"]["token"], "YS10b2tlbg==");
  EXPECT_EQ(read_admin_token(secret).value(), "a-token");
  EXPECT_EQ(read_admin_token(Json::object()).error().code(), base::Errc::kCorrupt);
  EXPECT_NE(server_properties(demo()).find("penstock.admin.token.file=/etc/penstock-admin/token\n"),
            std::string::npos);
  const Json pod = set_of(demo())["spec"]["template"]["spec"];
  EXPECT_EQ(pod["volumes"][2]["secret"]["secretName"], "demo-admin");
  EXPECT_EQ(pod["containers"][0]["volumeMounts"][3]["mountPath"], "/etc/penstock-admin");
}

// Preferred, since a machine or a zone may be all there is.
TEST(Desired, BrokersAreSpreadAsFarAsThereIsRoom) {
  const Json spread = set_of(demo(kThree))["spec"]["template"]["spec"]["topologySpreadConstraints"];
  ASSERT_EQ(spread.size(), 2u);
  for (const Json& one : spread) {
    EXPECT_EQ(one["whenUnsatisfiable"], "ScheduleAnyway");
    EXPECT_EQ(one["labelSelector"]["matchLabels"][kClusterLabel], "demo");
  }
}

TEST(Desired, TheClaimCarriesTheIdentityAndTheClass) {
  const Json claim = set_of(
      demo(R"({"storage":{"size":"5Gi","storageClassName":"fast","reclaimPolicy":"Delete"}})"))["spec"];
  EXPECT_EQ(claim["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Delete");
  EXPECT_EQ(claim["volumeClaimTemplates"][0]["spec"]["storageClassName"], "fast");
  const auto identity = read_identity_annotations(claim["volumeClaimTemplates"][0]["metadata"]);
  ASSERT_TRUE(identity);
  EXPECT_EQ(*identity, kIdentity);
  EXPECT_EQ(read_identity(build_identity(demo(), kIdentity)).value(), kIdentity);
  EXPECT_EQ(read_identity(Json::object()).error().code(), base::Errc::kCorrupt);
  EXPECT_EQ(set_of(demo())["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Retain");
}

TEST(Desired, OnlyWhatPodsSeeMakesANewPodRevision) {
  const auto revision = [](const Json& set) {
    return set["spec"]["template"]["metadata"]["annotations"][kPodRevisionAnnotation].get<std::string>();
  };
  const std::string first = revision(set_of(demo()));
  EXPECT_EQ(revision(set_of(demo(R"({"storage":{"size":"2Gi","reclaimPolicy":"Delete"}})"))), first);
  EXPECT_NE(revision(set_of(demo(R"({"storage":{"size":"1Gi"},"image":{"reference":"other:1"}})"))), first);
  EXPECT_NE(revision(build_stateful_set(demo(), kIdentity, "demo-config-2", {"localhost/penstock:dev"})),
            first);
}

TEST(Desired, PropertiesReadBackAsTheyWereGiven) {
  KafkaCluster cluster =
      demo(R"({"storage":{"size":"1Gi"},"topicDefaults":{"partitions":4,"minInSyncReplicas":1}})");
  cluster.config = {{"a", "back\\slash"}, {"b", "  blank"}, {"c", "x=y:z #!"}, {"d", "cr\rcr"}, {"e", ""}};
  const auto properties = base::parse_properties(server_properties(cluster));
  ASSERT_TRUE(properties) << properties.error().what();
  for (const auto& [name, value] : cluster.config) EXPECT_EQ(properties->at(name), value) << name;
  EXPECT_EQ(properties->at("num.partitions"), "4");
  // With eligible leader replicas on, the controller refuses it in a broker's own properties.
  EXPECT_FALSE(properties->contains("min.insync.replicas"));
  EXPECT_EQ(properties->at("offsets.topic.replication.factor"), "1");
}

TEST(Desired, AConfigMapIsNamedByItsContent) {
  const Json one = build_config_map(demo());
  const Json two = build_config_map(demo(R"({"storage":{"size":"1Gi"},"config":{"log.retention.hours":1}})"));
  EXPECT_NE(one["metadata"]["name"], two["metadata"]["name"]);
  EXPECT_EQ(one, build_config_map(demo()));
}

TEST(Diff, IgnoresWhatOthersAddedAndHowQuantitiesAreWritten) {
  const Json desired = Json::parse(R"({"a":{"b":1},"list":[{"x":1}],"cpu":"1000m","args":["a"]})");
  const auto live = [](const char* text) {
    Json json = Json::parse(text);
    json["args"] = Json::array({"a"});
    return json;
  };
  EXPECT_TRUE(is_covered(desired, live(R"({"a":{"b":1,"c":2},"list":[{"x":1,"y":2}],"cpu":"1","z":0})")));
  // Somebody added a port to our Service: applying would not take it away, however often.
  EXPECT_TRUE(is_covered(desired, live(R"({"a":{"b":1},"list":[{"x":7},{"x":1}],"cpu":"1"})")));
  EXPECT_FALSE(is_covered(desired, live(R"({"a":{"b":2},"list":[{"x":1}],"cpu":"1"})")));
  EXPECT_FALSE(is_covered(desired, live(R"({"a":{"b":1},"list":[{"x":2}],"cpu":"1"})")));
  EXPECT_FALSE(is_covered(desired, live(R"({"a":{"b":1},"list":[{"x":1}]})")));
  Json more = live(R"({"a":{"b":1},"list":[{"x":1}],"cpu":"1"})");
  more["args"].push_back("b");
  EXPECT_FALSE(is_covered(desired, more));
  // As an API server gives back a quantity that was given as a number.
  EXPECT_TRUE(is_covered(Json::parse(R"({"cpu":1})"), Json::parse(R"({"cpu":"1"})")));
  EXPECT_FALSE(is_covered(Json::parse(R"({"cpu":1})"), Json::parse(R"({"cpu":"2"})")));
}

TEST(Diff, AMergePatchTurnsOneIntoTheOther) {
  const Json from = Json::parse(R"({"same":1,"gone":2,"deep":{"a":1,"b":[1]},"list":[1,2]})");
  const Json to = Json::parse(R"({"same":1,"new":{"x":1},"deep":{"a":2,"b":[1]},"list":[2]})");
  Json patched = from;
  patched.merge_patch(merge_patch_between(from, to));
  EXPECT_EQ(patched, to);
  EXPECT_TRUE(merge_patch_between(to, to).empty());
}

}  // namespace
}  // namespace penstock::resources

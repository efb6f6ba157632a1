// What the builders of desired objects share. Included by this module's .cc files only.
#pragma once

#include <string>

#include "operator/resources/desired.h"

namespace penstock::resources {

Json labels_of(const KafkaCluster& cluster, const std::string& component);
// With the image's tag as app.kubernetes.io/version. Not for claim templates, which can never change.
Json labels_with_version(const KafkaCluster& cluster, const std::string& component);
// An object with our labels, owned by the cluster.
Json object_of(const KafkaCluster& cluster, const char* api_version, const char* kind,
               const std::string& name, const std::string& component);
// With the annotation that holds the hash of the rest.
Json sealed(Json object);
Json identity_annotations(const ClusterIdentity& identity);

}  // namespace penstock::resources

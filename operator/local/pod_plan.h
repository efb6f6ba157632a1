// What it takes to run a pod here: directories, files and commands, computed from its spec.
//
// Images are not pulled: a container's command is looked up, by its last path component, among Penstock's own
// programs, and else run as it is written.
//
// Understood volumes: persistentVolumeClaim, configMap, secret, emptyDir. Understood environment: value,
// fieldRef, configMapKeyRef, secretKeyRef, resourceFieldRef of limits, envFrom. Threads: pure functions over
// the store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/local/object.h"
#include "operator/local/rewriter.h"
#include "operator/local/store.h"

namespace penstock::local {

// Where things are on this machine.
struct HostPaths {
  std::string home;           // $PENSTOCK_HOME.
  std::string bin_directory;  // Where our programs are.

  std::string volume_of(const std::string& ns, const std::string& claim) const {
    return home + "/volumes/" + ns + "/" + claim;
  }
  std::string pod_directory(const std::string& ns, const std::string& pod) const {
    return home + "/pods/" + ns + "/" + pod;
  }
  std::string log_of(const std::string& ns, const std::string& pod) const {
    return home + "/logs/" + (ns == "default" ? "" : ns + ".") + pod + ".log";
  }
};

struct ContainerPlan {
  std::string name;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
  std::string working_directory;
};

struct PodPlan {
  std::vector<std::string> directories;      // To be made.
  std::map<std::string, std::string> files;  // Path to content; to be written before the start.
  std::vector<ContainerPlan> containers;
};

// ERRORS: kNotFound for a ConfigMap, Secret or claim that is not there yet; kUnsupported for what we cannot
// run. Both name the container or volume.
base::Result<PodPlan> plan_pod(const Json& pod, const Store& store, const HostPaths& paths,
                               const Rewriter::Resolve& resolve);

}  // namespace penstock::local

// What the operator knows of one kind: the newest object of each name.
//
// Threads: one reactor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operator/kube/client.h"

namespace penstock::kube {

class ObjectCache {
 public:
  // The object as it is now, or as it was last when it is gone.
  using Listener = std::function<void(const Json& object, bool is_deleted)>;

  ObjectCache();
  ~ObjectCache();

  void set_listener(Listener listener) { listener_ = std::move(listener); }

  // Null JSON when there is none. The reference holds until the next change.
  const Json& find(const std::string& ns, const std::string& name) const;
  std::vector<const Json*> all() const;
  // Those whose label has this value.
  std::vector<const Json*> with_label(const std::string& ns, const std::string& label,
                                      const std::string& value) const;

  // Takes an object unless a newer one is known. From watches and from the replies to our own writes.
  void put(const Json& object);
  void remove(const Json& object);
  // Takes a whole list of a namespace (of all when empty): what it does not have is removed.
  void replace(const Json& items, const std::string& ns = {});

  std::size_t size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  Listener listener_;
};

// "NAMESPACE/NAME"
std::string object_key(const Json& object);

}  // namespace penstock::kube

// Which loopback address a pod has: 127.0.0.2, 127.0.0.3 and so on, given once per name and kept.
//
// On disk:  a JSON object from "NAMESPACE/POD" to the address.
// Threads:  one reactor.
#pragma once

#include <map>
#include <string>

#include "base/disk.h"

namespace penstock::local {

class AddressBook {
 public:
  AddressBook(base::Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  base::Result<> load();
  // The address of a pod, now or later made. ERRORS: kLimitExceeded, kIo.
  base::Result<std::string> address_of(const std::string& ns, const std::string& pod);

 private:
  base::Disk& disk_;
  const std::string path_;
  std::map<std::string, std::string> addresses_;
};

}  // namespace penstock::local

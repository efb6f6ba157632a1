#include "broker/metadata/min_isr.h"

#include <algorithm>
#include <charconv>

namespace penstock::metadata {

std::int32_t min_isr_of(const BrokerConfigView& configs, const MetadataImage& image, std::string_view topic) {
  const std::string text = configs.topic_value(image, topic, kMinIsr);
  std::int32_t min_isr = 1;
  std::from_chars(text.data(), text.data() + text.size(), min_isr);
  return std::max(min_isr, 1);
}

std::size_t effective_min_isr(std::int32_t min_isr, std::size_t replicas) {
  return std::min(static_cast<std::size_t>(min_isr), replicas);
}

Record cluster_min_isr_record(const std::string& value) {
  kafka::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ResourceType::kBroker);
  record.name = kMinIsr;
  record.value = value;
  return record;
}

}  // namespace penstock::metadata

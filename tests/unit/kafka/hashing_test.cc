#include "kafka/hashing.h"

#include <gtest/gtest.h>

#include "tests/unit/kafka/golden.h"

namespace penstock::kafka {
namespace {

TEST(Hashing, Murmur2IsJavas) {
#define BATCH(name, hex)
#define CRC(name, crc)
#define MURMUR(hex, hash) EXPECT_EQ(murmur2(golden::from_hex(hex)), hash) << hex;
#define HASH(hex, hash, partition)
#include "tests/unit/kafka/testdata/golden_batches.inc"
#undef MURMUR
#undef HASH
}

TEST(Hashing, HashCodeAndCoordinatorAreJavas) {
#define MURMUR(hex, hash)
#define HASH(hex, hash, partition)                                             \
  {                                                                            \
    const base::Bytes id = golden::from_hex(hex);                              \
    EXPECT_EQ(java_hash_code(base::as_text(id)), hash) << hex;                 \
    EXPECT_EQ(coordinator_partition(base::as_text(id), 50), partition) << hex; \
  }
#include "tests/unit/kafka/testdata/golden_batches.inc"
#undef BATCH
#undef CRC
#undef MURMUR
#undef HASH
}

TEST(Hashing, PositiveClearsTheSignBit) {
  EXPECT_EQ(to_positive(-1), 0x7fffffff);
  EXPECT_EQ(to_positive(INT32_MIN), 0);
  EXPECT_EQ(partition_for_key(base::as_bytes("21"), 1000), to_positive(-973932308) % 1000);
}

TEST(Hashing, MalformedUtf8CountsAsReplacementCharacters) {
  EXPECT_EQ(java_hash_code("\xff"), 0xfffd);
  EXPECT_EQ(java_hash_code("\xe6\x97"), 0xfffd);                                      // Cut off.
  EXPECT_EQ(java_hash_code("\xed\xa0\x80"), ((0xfffd * 31) + 0xfffd) * 31 + 0xfffd);  // A surrogate.
}

}  // namespace
}  // namespace penstock::kafka

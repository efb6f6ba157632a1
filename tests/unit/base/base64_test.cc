#include "base/base64.h"

#include <gtest/gtest.h>

namespace penstock::base {
namespace {

// RFC 4648, section 10.
TEST(Base64, EncodesAndDecodes) {
  struct Case {
    const char* bytes;
    const char* text;
  };
  for (const Case& one : {Case{"", ""}, Case{"f", "Zg=="}, Case{"fo", "Zm8="}, Case{"foo", "Zm9v"},
                          Case{"foob", "Zm9vYg=="}, Case{"fooba", "Zm9vYmE="}, Case{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(one.bytes), one.text);
    EXPECT_EQ(decode_base64(one.text), one.bytes);
  }
  EXPECT_EQ(encode_base64("\xfb\xff\xfe"), "+//+");
  EXPECT_EQ(encode_base64url("\xfb\xff\xfe\xfb"), "-__--w");
  EXPECT_EQ(decode_base64("Zm9v!Zm9v"), "foo");
}

}  // namespace
}  // namespace penstock::base

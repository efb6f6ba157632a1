// What is a proof that a process has ended, and what only says that there is no use in waiting for it.
#include "broker/raft/death_evidence.h"

#include <gtest/gtest.h>

namespace penstock::raft {
namespace {

using base::milliseconds;
constexpr base::MonoTime kStart{base::seconds(100)};

TEST(DeathEvidence, IsAProofWhenItWasReachedAndRefusesForLong) {
  DeathEvidence evidence;
  evidence.connected();
  EXPECT_FALSE(evidence.refused(kStart));
  EXPECT_FALSE(evidence.refused(kStart + milliseconds(30)));
  EXPECT_FALSE(evidence.refused(kStart + milliseconds(59)));
  EXPECT_TRUE(evidence.refused(kStart + milliseconds(60)));
  evidence.failed();
  EXPECT_FALSE(evidence.refused(kStart + milliseconds(90))) << "silence came between";
  EXPECT_FALSE(evidence.is_refusing(kStart + milliseconds(90)));
}

TEST(DeathEvidence, WhatWasNeverReachedProvesNothingAndRefusesAllTheSame) {
  DeathEvidence evidence;
  EXPECT_FALSE(evidence.is_refusing(kStart));
  for (int ms = 0; ms <= 60; ms += 20) EXPECT_FALSE(evidence.refused(kStart + milliseconds(ms)));
  EXPECT_TRUE(evidence.is_refusing(kStart + milliseconds(61)));
  evidence.connected();
  EXPECT_FALSE(evidence.is_refusing(kStart + milliseconds(62)));
}

TEST(DeathEvidence, OldRefusalsSayNothing) {
  DeathEvidence evidence;
  for (int ms = 0; ms <= 60; ms += 20) (void)evidence.refused(kStart + milliseconds(ms));
  EXPECT_TRUE(evidence.is_refusing(kStart + milliseconds(1059)));
  EXPECT_FALSE(evidence.is_refusing(kStart + milliseconds(1060)));
}

}  // namespace
}  // namespace penstock::raft

#!/usr/bin/env python3
"""Bad resources: refused at admission where a rule can tell, NotReady naming the field otherwise; the fix recovers.

bad_resources.json holds one case a line: `spec` is applied (after `before`, and with another resource `besides`). Either
the API server refuses it with words that hold `refused`, or it is Ready=False with the reason and words of `not_ready`, and
`fix` makes it Ready. The unit tests run the same cases against the operator's own validation.
"""
import json
import sys
import unittest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
from kubernetes import ROOT, NamespaceTest  # noqa: E402

CASES = json.loads((ROOT / "tests/e2e/bad_resources.json").read_text())


def manifest(case, spec, name=None):
    return json.dumps({"apiVersion": "penstock.dev/v1alpha1", "kind": case["kind"],
                       "metadata": {"name": name or case["name"]}, "spec": spec})


class BadResourcesTest(NamespaceTest):
    def test_refused_at_admission(self):
        for case in CASES:
            if "refused" not in case:
                continue
            with self.subTest(case["what"], row=case["row"]):
                kind = case["kind"].lower()
                if "before" in case:
                    self.apply(manifest(case, case["before"]))
                done = self.apply(manifest(case, case["spec"]), "--dry-run=server", "--validate=false", check=False)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn(case["refused"], done.stderr)
                if "before" in case:
                    self.kubectl("delete", kind, case["name"], "--timeout=110s")

    def test_not_ready_naming_the_field_until_it_is_fixed(self):
        self.start_cluster()
        identity = self.get("pod", "demo-0")["metadata"]["uid"]
        for case in CASES:
            if "not_ready" not in case:
                continue
            with self.subTest(case["what"], row=case["row"]):
                if "besides" in case:
                    self.apply(manifest(case, case["besides"]["spec"], case["besides"]["name"]))
                    self.wait_ready("kafkatopic", case["besides"]["name"])
                if "before" in case:
                    self.apply(manifest(case, case["before"]))
                    self.wait_ready("kafkatopic", case["name"])
                self.apply(manifest(case, case["spec"]))
                ready = self.wait_refused("kafkatopic", case["name"])
                self.assertEqual(ready["reason"], case["not_ready"]["reason"], ready["message"])
                self.assertIn(case["not_ready"]["message"], ready["message"])
                if "fix" in case:
                    self.apply(manifest(case, case["fix"]))
                    self.wait_ready("kafkatopic", case["name"])
                self.kubectl("delete", "kafkatopic", "--all", "--timeout=60s")
        # What ran was not touched by any of it.
        self.assertEqual(self.get("pod", "demo-0")["metadata"]["uid"], identity)


if __name__ == "__main__":
    unittest.main(verbosity=2)

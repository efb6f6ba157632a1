"""The generator names file and line of a mistake, and orders structs so that each comes after those it holds."""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "kafka" / "generator"))

import cpp_types  # noqa: E402
import schema  # noqa: E402

HEADER = "request FooRequest key=1 valid=0-2 flexible=1+\n"


def parse(body):
    return schema.parse("rpc/foo_request.msg", HEADER + body)


class Parser(unittest.TestCase):
    def assert_error(self, body, line, text):
        with self.assertRaises(schema.SchemaError) as raised:
            message = parse(body)
            for struct in message.structs + [message.root]:
                for field in struct.fields:
                    cpp_types.default_number(field)
        self.assertIn(f"rpc/foo_request.msg:{line}: error: ", str(raised.exception))
        self.assertIn(text, str(raised.exception))

    def test_names_the_place_of_a_mistake(self):
        self.assert_error("  Id int32 0+\n  Id int32 0+\n", 3, "twice")
        self.assert_error("  Id int32 x\n", 2, "not a version range")
        self.assert_error("  Id int32\n", 2, "versions")
        self.assert_error("  Id int32 0+ wrong\n", 2, "unknown option")
        self.assert_error("  Id int8 0+ default=300\n", 2, "does not fit")
        self.assert_error("  Id int32 0+ null=0+\n", 2, "cannot be null")
        self.assert_error("  Name string 0+ default=null\n", 2, "never nullable")
        self.assert_error("    Id int32 0+\n", 2, "indented")
        self.assert_error("  Topics []Topic 0+\n", 2, "defined 0 times")
        self.assert_error("  A int32 1+ tag=1@1+\n", 1, "tags")

    def test_refuses_a_file_of_another_name(self):
        with self.assertRaises(schema.SchemaError):
            schema.parse("rpc/bar_request.msg", HEADER)

    def test_orders_structs_by_containment(self):
        message = parse("  A []Outer 0+\n  struct Outer 0+\n    B []Inner 0+\n  struct Inner 0+\n    C int32 0+\n")
        self.assertEqual([struct.name for struct in message.structs], ["Inner", "Outer"])

    def test_counts_the_fewest_bytes_by_version(self):
        message = parse("  Id int32 0+\n  Name string 0+\n  Late int64 2+\n  T int8 1+ tag=0@1+\n")
        sizes = [cpp_types.encoded_size_min(message, message.root, version) for version in range(3)]
        self.assertEqual(sizes, [6, 6, 14])

    def test_names_in_snake_case(self):
        self.assertEqual(schema.snake("KRaftVersion"), "kraft_version")
        self.assertEqual(schema.snake("LastKnownElr"), "last_known_elr")
        self.assertEqual(schema.snake("topicId"), "topic_id")


if __name__ == "__main__":
    unittest.main()

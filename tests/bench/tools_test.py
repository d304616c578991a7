"""What draws the benchmark's pictures: bench/profile and bench/plot, as people run them."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"

# Two samples of the log's thread, one of a loop: as 'perf script -F comm,tid,ip,sym' writes them.
SAMPLES = """\
settled 11
\tffffffff81000001 fdatasync_in_kernel
\t           10a974 fdatasync
\t           20a974 settle::coordinator::GroupCommit::Flush(std::vector<int>&)

settled 11
\t           30a974 sqlite3_step
\t           20a974 settle::coordinator::GroupCommit::Flush(std::vector<int>&)

settled 12
\t           40a974 settle::coordinator::Shard::Begin
\t           50a974 settle::server::Loop::Rounds
"""


def run(tool, *arguments, given=""):
    return subprocess.run([str(BENCH / tool), *arguments], input=given, text=True,
                          capture_output=True, timeout=60, check=False)


class Profile(unittest.TestCase):
    def test_the_first_stage_on_the_stack_counts(self):
        said = run("profile", "stages", given=SAMPLES)
        self.assertEqual(said.returncode, 0, said.stderr)
        shares = [line.split() for line in said.stdout.splitlines()]
        self.assertEqual([(words[0], words[1], words[-2]) for words in shares],
                         [("log", "flush:", "33.3"), ("log", "SQLite:", "33.3"),
                          ("loop", "shard:", "33.3")])

    def test_the_graph_is_an_svg_whose_boxes_have_names_and_shares(self):
        said = run("profile", "graph", "a <title>", given=SAMPLES)
        self.assertEqual(said.returncode, 0, said.stderr)
        root = xml.etree.ElementTree.fromstring(said.stdout)
        titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
        self.assertIn("coordinator::GroupCommit::Flush: 66.7 %", titles)
        self.assertIn("a <title>: 3 samples", [text.text for text in root])

    def test_what_is_no_sample_is_refused(self):
        self.assertNotEqual(run("profile", "stages", given="").returncode, 0)
        self.assertNotEqual(run("profile", "nothing", given=SAMPLES).returncode, 0)


class Plot(unittest.TestCase):
    def test_every_series_of_the_suite_scale_becomes_a_picture(self):
        names = ["clients_1", "clients_8", "branches_2", "participants_4", "with_0_open",
                 "with_10_open", "memory_10_open", "serving_10_in_doubt", "resolved_10_in_doubt",
                 "with_0_finished", "with_10_finished"]
        with tempfile.TemporaryDirectory() as directory:
            rows = os.path.join(directory, "rows")
            with open(rows, "w", encoding="utf-8") as file:
                for name in names:
                    file.write(json.dumps({"row": "scale." + name, "value": 5, "p50_us": 100,
                                           "p99_us": 900}) + "\n")
            said = run("plot", rows, directory)
            self.assertEqual(said.returncode, 0, said.stderr)
            for picture in ("clients", "branches", "participants", "open", "memory", "in_doubt",
                            "finished"):
                root = xml.etree.ElementTree.parse(os.path.join(directory, picture + ".svg"))
                self.assertTrue(root.getroot().tag.endswith("svg"))

    def test_says_how_it_is_called(self):
        said = run("plot")
        self.assertEqual(said.returncode, 2)
        self.assertIn("bench/plot scale.json", said.stderr)


if __name__ == "__main__":
    unittest.main()

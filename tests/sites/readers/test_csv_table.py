"""Tables of CSV files: what spreadsheets and editors do to them."""

import codecs
import hashlib

import numpy as np
import pytest

from temjax.sites.readers.csv_table import read_csv_table
from temjax.sites.readers.csv_text import header_names
from tests.support.fluxnet_files import member

PLAIN = "day,warm,wet\n1,2.5,-3\n2,3.5,NA\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def good(path, text, **choices):
    table, findings = read_csv_table(member(path, text), **choices)
    assert findings == []
    return table


def fault(path, text):
    table, findings = read_csv_table(member(path, text))
    assert table is None or findings
    (finding,) = findings
    assert finding.mend.endswith(".")
    assert "Error" not in finding.message and "codec" not in finding.message
    return finding


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("\n", "\r\r\n").encode(),
        PLAIN.replace(",", " , ").encode(),
        b'"day", "warm" ,"wet"\n"1","2.5","-3"\n 2 , "3.5",\n',
        b"'day','warm','wet'\n'1','2.5','-3'\n'2','3.5',''\n",
        b"day,warm,wet,,\n1,2.5,-3,,\n2,3.5,null,,\n",
        b"day,warm,wet\n1,2.5,-3,,\n2,3.5,,,\n",
        b"\n\nday,warm,wet\n1,2.5,-3\n,,\n\n2,3.5,nan\n,,\n\n\n",
        b"sep=,\nday,warm,wet\n1,2.5,-3\n2,3.5,\n",
        b"# made by hand, in spring\n#\nday,warm,wet\n1,2.5,-3\n# a remark\n2,3.5,\n",
        b"Tower XX, hourly\nday,warm,wet\n1,2.5,-3\n2,3.5,#N/A",
    ],
)
def test_forms_of_one_table(path, content):
    table = good(path, content)
    assert table.names == ("day", "warm", "wet")
    values = [table.numbers(name) for name in table.frame]
    assert [faults for _, faults in values] == [[], [], []]
    expected = [[1, 2], [2.5, 3.5], [-3, np.nan]]
    np.testing.assert_array_equal([numbers for numbers, _ in values], expected)


def test_lines_are_those_of_the_file(path):
    table = good(path, "# title\n\nday,warm\n1,2\n\n,\n2,3\n# remark\n3,x\n")
    assert table.header_line == 3
    assert table.lines.tolist() == [4, 7, 9]
    _, (finding,) = table.numbers("warm")
    assert (finding.index, finding.variable) == ("line 9", "warm")


def test_lines_behind_a_cell_of_two_lines(path):
    table = good(path, 'day,what\n1,"two\nlines"\n2,one\n', words=True)
    assert table.lines.tolist() == [2, 4]
    assert table.frame["what"].tolist() == ["two\nlines", "one"]


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_decimal_commas(path, separator, name):
    text = "day,warm,wet\n1,-2.5,3\n2,0.125,-9999\n".replace(",", separator).replace(".", ",")
    table = good(path, text)
    np.testing.assert_array_equal(table.numbers("warm")[0], [-2.5, 0.125])
    (note,) = table.notes
    assert f"separated by {name}, decimal commas" in note and "-2,5 is -2.5" in note


def test_semicolons_with_decimal_points(path):
    table = good(path, "day;warm\n1;2.5\n")
    assert table.numbers("warm")[0].tolist() == [2.5]
    assert "separated by semicolons" in table.notes[0] and "comma" not in table.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day;warm;wet\n1;2,5;3.5\n", "decimal commas and decimal points in one file"),
        ('day,warm\n1,"2,5"\n', "decimal commas in a file separated by commas"),
        ("day;warm\n1;1.234,5\n", "thousands are separated"),
    ],
)
def test_doubtful_numbers(path, text, message):
    finding = fault(path, text)
    assert message in finding.message
    assert (finding.variable, finding.index) == ("warm", "line 2")


def test_units_below_the_header(path):
    table = good(path, "day,warm,wet\nd,deg C,mm\n1,2,3\n")
    assert table.units == {"day": "d", "warm": "deg C", "wet": "mm"}
    assert table.lines.tolist() == [3]
    assert "line 2 taken as units" in table.notes[0]


def test_wanted_columns_alone_are_read(path):
    table = good(path, PLAIN, wanted=lambda name: name == "wet")
    assert list(table.frame) == ["wet"]
    assert table.names == ("day", "warm", "wet")


def test_latin_1(path):
    table = good(path, "name,warm\nZürich,1\n".encode("latin-1"))
    assert table.frame["name"].tolist() == ["Zürich"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\0\0\0\0", "empty"),
        (b"day,warm\n1,2\n\0\0\0\0\n", "4 NUL bytes"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"PK\x03\x04....xl/worksheets/sheet1.xml", "Excel workbook"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\xd0\xcf\x11\xe0....", "Excel workbook"),
        (b"\x89HDF\r\n", "HDF"),
        (b"\x1f\x8b....", "gzip"),
        (b"1,2,3\n4,5,6\n", "no header line"),
        (b"just words\nand more\n", "no header line"),
        (b"day,warm,day\n1,2,3\n", "1 columns stand twice in the header: day"),
        (b"day,warm,wet\n1,2,3\n2,3\n3\n", "2 rows have fewer cells than the header (2 for 3)"),
        (b"day,warm,wet\n1,2,3,4\n", "1 row has more cells"),
        (b'day,warm\n1,2\n3,"4\n5,6\n', "a quote is not closed"),
        (b'day,warm\n1,"2\n' + 20000 * b"5,6000\n", "a quote is not closed"),
    ],
)
def test_what_is_no_table(path, content, message):
    assert message in fault(path, content).message


def test_position_of_a_damaged_byte_and_of_a_short_row(path):
    assert fault(path, b"a,b\n1,2\n3\0,4\n").index == "line 3"
    assert fault(path, b"a,b,c\n\n1,2,3\n4,5\n").index == "line 4"


def test_cells_that_are_no_numbers_are_one_finding(path):
    table = good(path, "day,warm\n1,#REF!\n2,x\n3,4\n")
    values, (finding,) = table.numbers("warm")
    assert "2 such cells" in finding.message and finding.index == "line 2"
    assert "spreadsheet" in finding.message
    assert np.isnan(values[:2]).all() and values[2] == 4


def test_columns_read_as_numbers_at_once_where_they_are_numbers(path):
    text = "day,warm,wet,word\n1,2.5,-3,4\n2,NA,n/a,True\n,,,\n3,inf,x,False\n"
    table = good(path, text, numeric=lambda name: True)
    assert [str(table.frame[name].dtype) for name in ("day", "warm")] == ["str", "float64"]
    assert table.frame["word"].tolist() == ["4", "True", "False"]
    np.testing.assert_array_equal(table.numbers("warm")[0], [2.5, np.nan, np.inf])
    _, (finding,) = table.numbers("wet")
    assert finding.index == "line 5" and "'x'" in finding.message
    assert table.lines.tolist() == [2, 3, 5]


def test_a_layout_that_is_stated(path):
    text = "1;2\nday|warm|wet\nd|deg|mm\n1|2,5|gap\n2|1|-\n"
    table = good(path, text, separator="|", header=2, first_row=4, decimal=",", words=True)
    assert (table.header_line, table.lines.tolist()) == (2, [4, 5])
    assert table.numbers("warm")[0].tolist() == [2.5, 1]
    values, findings = table.numbers("wet", missing=["gap", 7])
    assert np.isnan(values).all() and findings == []
    assert read_csv_table(member(path, text), header=9)[1][0].index == "line 9"


def test_the_header_is_found_in_the_first_lines(path):
    path.write_text("# title\nday;warm\n" + 20000 * "1;2,5\n")
    assert header_names(path) == ["day", "warm"]
    path.write_bytes(b"PK\x03\x04" + 70000 * b"x")
    assert header_names(path) == header_names(path.with_name("none.csv")) == []


def test_the_source_is_name_and_hash(path):
    table = good(path, PLAIN)
    digest = hashlib.sha256(PLAIN.encode()).hexdigest()
    assert table.source == f"table.csv (sha256 {digest})"


def test_no_such_file(tmp_path):
    from_nowhere = member(tmp_path / "x.csv", "a")
    from_nowhere.path.unlink()
    table, (finding,) = read_csv_table(from_nowhere)
    assert table is None and "No such file" in finding.message

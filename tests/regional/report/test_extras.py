"""Parts of the page that come from ``temjax attribute`` and ``temjax region-sensitivity``."""

import json

from temjax.regional.report.page import _extra_sections
from tests.support.made_member import attribution_record


def test_page_shows_drivers_and_sensitivity_only_where_they_were_run(tmp_path):
    assert _extra_sections(tmp_path, synthetic=True) == []
    for member in ("A", "B"):
        path = tmp_path / f"attribution_{member}_rcp85.json"
        path.write_text(json.dumps(attribution_record(member=member)), encoding="utf-8")
    (tmp_path / "sensitivity_a_rcp85.png").write_bytes(b"a picture")
    drivers, sensitivity = _extra_sections(tmp_path, synthetic=True)
    assert drivers.tables[0].rows[-1][:2] == ("RCP8.5", "all together")
    assert len(drivers.pictures) == len(sensitivity.pictures) == 1

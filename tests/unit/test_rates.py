"""What a machine measured of itself, and what is said before it has."""

from recsys.rates import REFERENCE, embedding, rates, remember
from recsys.settings import Settings


def test_a_machine_goes_by_what_it_measured_itself(tmp_path):
    settings = Settings(data=tmp_path)
    assert rates(settings) == {step: (usual, False) for step, usual in REFERENCE.items()}
    told = {"store items": (1200, 4.0), "map points": (5000, 0.1), "unheard of": (9999, 9.0), "rank items": (9, 5.0)}
    remember(settings, told)
    assert rates(settings)["store items"] == (300.0, True)
    assert [step for step, (_, own) in rates(settings).items() if own] == ["store items"]
    remember(settings, {"draw pictures": (1000, 40.0), "start up": (1, 8.0)})
    assert rates(settings)["store items"][1] and rates(settings)["draw pictures"] == (25.0, True)
    assert rates(settings)["start up"] == (0.125, True)


def test_each_encoder_has_a_rate_of_its_own(tmp_path):
    settings = Settings(data=tmp_path)
    usual, slow = embedding("characters", "all-MiniLM-L6-v2@53aa51172d14"), embedding("characters", "slow-one")
    assert usual in rates(settings) and slow not in rates(settings)
    remember(settings, {slow: (9000, 90.0)})
    assert rates(settings)[slow] == (100.0, True) and rates(settings)[usual] == (REFERENCE[usual], False)


def test_a_damaged_file_is_as_good_as_none(tmp_path):
    for content in ("{", "[]", '{"store items": "fast"}', '{"store items": -1}', "\x00"):
        (tmp_path / "rates.json").write_text(content)
        assert not any(own for _, own in rates(Settings(data=tmp_path)).values())
    remember(Settings(data=tmp_path / "absent"), {"store items": (900, 3.0)})  # nowhere to write: nothing happens

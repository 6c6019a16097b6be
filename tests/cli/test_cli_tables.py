"""Tables on the terminal."""

from electrode.cli.options import errors_table


def test_latent_charges_that_are_the_charge_are_left_out_and_exact_labels_stay():
    rows = {"all": {"n_frames": 4, "charge_rmse_e": 0.0, "latent_charge_gap_rmse_e": 3e-17, "force_coverage_90": 0.0}, "Au": {"n_frames": 4, "charge_rmse_e": 1e-12, "latent_charge_gap_rmse_e": 0.0}}
    head, *lines = errors_table(rows).splitlines()
    assert head.split() == ["n_frames", "charge_rmse_e", "force_coverage_90"]
    assert [line.split() for line in lines] == [["all", "4", "0", "0"], ["Au", "4", "1e-12", "-"]]
    rows["Au"]["latent_charge_gap_rmse_e"] = 0.01
    assert "latent_charge_gap_rmse_e" in errors_table(rows)

//! `sisyphus show` of a command that has failed.

use anyhow::Result;

use super::Shot;
use super::stage::{COLUMNS, command, session, typed};
use super::steady::Steady;

const STEADY: Steady = Steady { times: &[("failed with", "14 s")] };

/// What the tests of a shop print.
const TESTS: &str = "cat <<'END'
running 42 tests
test cart::an_empty_cart_costs_nothing ... ok
test cart::a_coupon_lowers_the_price ... FAILED

thread 'cart::a_coupon_lowers_the_price' panicked at src/cart.rs:118:9:
assertion `left == right` failed
  left: 1999
 right: 1799

test result: FAILED. 41 passed; 1 failed
END
exit 101";

pub(super) fn shoot() -> Result<Shot> {
    let client = session(5);
    std::fs::write(client.env.project().join("test.sh"), TESTS)?;
    command(&client, "run the tests", "sh test.sh", "failed").wait();
    let screen = typed(&client.env, "show 'run the tests'", &STEADY)?;
    Ok(Shot {
        title: "sisyphus show of a failed command",
        columns: COLUMNS,
        typed: Some("sisyphus show 'run the tests'"),
        screen,
    })
}

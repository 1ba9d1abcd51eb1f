//! `sisyphus top` over a busy session.

use anyhow::Result;

use super::Shot;
use super::stage::{COLUMNS, command, dashboard, session};
use super::steady::Steady;

const STEADY: Steady = Steady {
    times: &[
        ("build the image", "31 s"),
        ("run the tests", "48 s"),
        ("check the types", "12 s"),
        ("lint", "9 s"),
        ("install the packages", "6.2 s"),
        ("fetch the fixtures", "1.4 s"),
    ],
};

const BUILD: &str = "for step in 'FROM node:22' 'COPY package.json .' 'RUN npm ci' 'COPY . .'; do
  n=$((n + 1)); echo \"[$n/6] $step\"
done; echo 'RUN npm run build'; echo '  transforming (412) src/cart.ts'; sleep 300";

pub(super) fn shoot() -> Result<Shot> {
    let client = session(2);
    command(&client, "install the packages", "echo added 312 packages", "completed").wait();
    command(&client, "fetch the fixtures", "echo no such host; exit 6", "failed").wait();
    std::fs::write(client.env.project().join("build.sh"), BUILD)?;
    let _running = [
        command(&client, "build the image", "sh build.sh", "running"),
        command(&client, "run the tests", "echo 'PASS src/price.test.ts'; sleep 300", "running"),
    ];
    let _queued = [("check the types", "queued"), ("lint", "queued")]
        .map(|(name, status)| command(&client, name, "sleep 300 && true", status));
    let is_ready = |screen: &str| {
        let words = ["2 of 2 slots busy, 2 queued", "queued(2)", "PASS src", "failed(6)"];
        words.iter().all(|it| screen.contains(it)) && screen.matches("transforming").count() == 2
    };
    let screen = dashboard(&client.env, &[], is_ready, &STEADY);
    Ok(Shot { title: "sisyphus top", columns: COLUMNS, typed: None, screen })
}

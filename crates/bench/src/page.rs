//! `docs/benchmarks.md`, from the measurements.

use super::machine::{Hardware, Machine, Run};
use super::parts::{PARTS, Part};
use super::print::{cell, hundredths, number, thousandths};
use super::report::{Report, Section, Table};

const HEAD: &str = "\
<!-- Made by `cargo xtask bench --page` from docs/benchmarks.json; `cargo xtask tidy` holds the two equal. -->
# What Sisyphus costs
";

const HOW_TO_READ: &str = "
## How to read it

- **Ratios, not milliseconds**, are what another machine should find again. Each is of two medians of the same run: to the
  first row of its table, unless the table says otherwise.
- **They take turns.** In each round everything in a table is run once, in a new random order, so that other load on the
  machine affects all of it alike. The first rounds are not counted.
- Times are from the start of a process to its exit, unless the table says otherwise. Median: half of the runs took no longer.
  p95: so long took 95 of 100 at most.
- The binaries are those that `install.sh` builds, in a home folder of their own, without a desktop to notify.
- No test asserts any of it: on a loaded machine a figure says little.
- A goal is what this project aims at. A ratio above it means that the goal is missed; [speed](maintainers/speed.md)
  says what bounds it.

## How to measure again

| in the repository | |
|---|---|
| `cargo xtask bench` | measures all of it, which takes some minutes; prints the tables and writes `target/bench.json` |
| `cargo xtask bench hooks` | one part; what was measured of the others on this kind of machine is kept |
| `cargo xtask bench pueue` | what is compared with pueue, which is built first if it is missing |
| `cargo xtask bench --page` | makes this page from `target/bench.json` |

Node.js, task-spooler and pueue are measured where they are installed; the npm package is fetched once.
";

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let runs: Vec<&Run> = report.sections.iter().map(|section| &section.run).collect();
    let common = match runs.as_slice() {
        [first, rest @ ..] if rest.iter().all(|run| run == first) => Some(*first),
        _ => None,
    };
    let when = match common {
        Some(run) => format!("Measured {}. ", when(run)),
        None => "Measured part by part, as each says. ".to_owned(),
    };
    let mut text = format!("{HEAD}\n{when}{}\n{HOW_TO_READ}", machine(&report.machine));
    for part in PARTS {
        let found = report.sections.iter().find(|section| section.name == part.name);
        text += &found.map(|it| section(part, it, common)).unwrap_or_default();
    }
    text
}

fn machine(machine: &Machine) -> String {
    let Machine { system, kernel, architecture, processor, cores, memory_gib, hardware } = machine;
    let hardware = match hardware {
        Hardware::Physical => ", a physical machine",
        Hardware::Virtual => ", a virtual machine",
        Hardware::Unknown => "",
    };
    format!(
        "The machine: {processor} ({architecture}), {cores} cores, {memory_gib} GiB of memory, {system} with \
         kernel {kernel}{hardware}."
    )
}

fn when(run: &Run) -> String {
    let Run { date, commit, load } = run;
    format!("on {date} at commit {commit}, with a load of {load:.1} at the start")
}

fn section(part: &Part, section: &Section, common: Option<&Run>) -> String {
    let mut text = format!("\n## {}\n\n{}\n", part.title, part.about);
    let beside: Vec<String> =
        section.beside.iter().map(|it| format!("{} {}", it.name, it.version)).collect();
    let mut facts = Vec::new();
    if common.is_none() {
        facts.push(format!("Measured {}.", when(&section.run)));
    }
    if !beside.is_empty() {
        facts.push(format!("Beside {}.", beside.join(", ")));
    }
    if !facts.is_empty() {
        text += &format!("{}\n", facts.join(" "));
    }
    text + &section.tables.iter().map(table).collect::<String>()
}

fn table(table: &Table) -> String {
    let note = table.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let facts = table.facts();
    let mut head = vec![String::new()];
    if table.has_times() {
        head.extend(["median, ms", "p95, ms", "ratio"].map(str::to_owned));
    }
    head.extend(facts.iter().map(|fact| escaped(fact)));
    let mut lines = vec![line(&head), format!("|---|{}", "--:|".repeat(head.len() - 1))];
    for row in &table.rows {
        let mut cells = vec![escaped(&row.name)];
        if table.has_times() {
            let times = row.times;
            cells.push(cell(times.map(|it| it.median_ms), thousandths));
            cells.push(cell(times.map(|it| it.p95_ms), thousandths));
            cells.push(cell(times.and_then(|it| it.ratio), hundredths));
        }
        cells.extend(facts.iter().map(|fact| cell(row.fact(fact), number)));
        lines.push(line(&cells));
    }
    format!("\n**{}**{note}\n\n{}\n", table.title, lines.join("\n"))
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// A bar would end its cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{report, section};
    use super::*;

    #[test]
    fn what_is_the_same_for_all_is_said_once() {
        let same = page(&report(vec![section("hooks", "c1"), section("runner", "c1")]));
        assert_eq!(same.matches("at commit c1").count(), 1, "{same}");
        let different = page(&report(vec![section("hooks", "c1"), section("runner", "c2")]));
        assert_eq!(different.matches("at commit c").count(), 2, "{different}");
    }

    #[test]
    fn a_table_has_a_cell_for_everything() {
        let page = page(&report(vec![section("hooks", "c1")]));
        let table: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("**")).collect();
        assert_eq!(
            table,
            [
                "**A | table** (goal: 1)",
                "",
                "|  | median, ms | p95, ms | ratio | resident, KiB |",
                "|---|--:|--:|--:|--:|",
                "| a | 1.250 | 2.000 | 1.00 |  |",
                "| b |  |  |  | 2048 |",
            ]
        );
    }

    /// The page leaves out a part that was not measured or is unknown.
    #[test]
    fn unmeasured_and_unknown_parts_are_left_out() {
        let page = page(&report(vec![section("hooks", "c1"), section("no such part", "c1")]));
        assert!(page.contains("\n## Hooks\n") && !page.contains("\n## Commands under"), "{page}");
        assert!(!page.contains("no such part"), "{page}");
    }
}

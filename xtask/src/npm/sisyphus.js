#!/usr/bin/env node
// Starts the program of the package for this system, which npm installs as an optional dependency.
"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");

const { name, version } = require("../package.json");
const system = `${process.platform}-${process.arch}`;
const part = `${name}-${system}`;

function fail(text) {
  process.stderr.write(`sisyphus: ${text}\n`);
  process.exit(1);
}

let manifest;
try {
  manifest = require.resolve(`${part}/package.json`);
} catch {
  const { optionalDependencies = {} } = require("../package.json");
  if (!(part in optionalDependencies)) fail(`there is no package for ${system}; build it from the sources`);
  fail(`the package ${part} is missing; type: npm install -g --include=optional ${name}@${version}`);
}

const suffix = process.platform === "win32" ? ".exe" : "";
const program = path.join(path.dirname(manifest), "bin", `sisyphus${suffix}`);
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => fail(`could not start ${program}: ${error.message}`));
// A terminal interrupts the program too, and the program decides. Other signals are for this process alone.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (!signal) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

// What Sisyphus shows inside Claude Code, where Claude Code runs the modules of plugins ("mods", CC-84).
//
// Nothing here decides or records anything: `sisyphus` says what to show. If this file fails, or Claude Code does not
// load it, everything works the same and Claude Code draws as without it.
//
// Claude Code reads from the source what a module may do. It follows `$` only to functions at the top of this file, and
// `$` is always spelled `$.noun.event(…)`.

export function register(on) {
  markQueuedAgents(on);
}

// ---- The row of an agent that waits for a slot says so. Claude Code itself calls that agent running. ----

/** How long the program may take to answer, and how often it is asked, in milliseconds. */
const ANSWER_WAIT = 2000;
const ASK_EVERY = 1000;
/** An answer that is older than this counts no more: then nothing asks again. */
const STALE_AFTER = 5000;
/** How often it is asked about a new row: the hook that queues an agent runs while Claude Code draws its row. */
const ASKS_OF_NEW = 5;

const agents = {
  /** The ids of the rows that were drawn. */
  seen: new Set(),
  /** The program's answer: the id and the place of each agent that waits. */
  queued: {},
  asksLeft: 0,
  /** When the program was asked last, 0 if nothing asks again. */
  askedAt: 0,
};

function markQueuedAgents(on) {
  on('ui.render', { component: 'AgentRow' }, async ($, e, next) => {
    const { id, label } = e.props;
    if (!agents.seen.has(id)) {
      agents.seen.add(id);
      agents.asksLeft = ASKS_OF_NEW;
    }
    const isStale = Date.now() - agents.askedAt > STALE_AFTER;
    if (isStale && agents.asksLeft > 0) {
      askForQueuedAgents($);
    }
    const place = isStale ? undefined : agents.queued[id];
    return next(place === undefined ? e : { ...e, props: { ...e.props, label: place + ': ' + label } });
  });
}

/** Asks which agents wait, and asks again later while one does. */
async function askForQueuedAgents($) {
  const before = JSON.stringify(agents.queued);
  agents.askedAt = Date.now();
  agents.queued = await readQueuedAgents($);
  agents.asksLeft -= 1;
  if (agents.asksLeft > 0 || Object.keys(agents.queued).length > 0) {
    $.clock.after(ASK_EVERY, () => askForQueuedAgents($));
  } else {
    agents.askedAt = 0;
  }
  if (JSON.stringify(agents.queued) !== before) {
    $.ui.invalidate('ui.render');
  }
}

async function readQueuedAgents($) {
  try {
    const program = $.plugin.root + '/bin/sisyphus';
    const { exitCode, stdout } = await $.process.run([program, 'queued-agents'], { timeoutMs: ANSWER_WAIT });
    return exitCode === 0 ? JSON.parse(stdout) : {};
  } catch {
    return {};
  }
}

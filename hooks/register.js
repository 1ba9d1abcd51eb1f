// What Sisyphus shows inside Claude Code, where Claude Code runs the modules of plugins ("mods", CC-84): the session's
// tasks above the prompt, the same in a pane (`/sisyphus`), and which agents of Claude Code's own list wait.
//
// Nothing here decides or records anything: `sisyphus statusline --json` says what to show. If this file fails or does
// not load, everything works the same and Claude Code draws as without it.
// Claude Code reads from the source what a module may do: `$` goes only to functions at the top of this file, and is
// always spelled `$.noun.event(…)`.

/** In milliseconds: how long the program may take, how often it is asked, and when an answer counts no more. */
const ANSWER_WAIT = 2000;
const ASK_EVERY = 1000;
const STALE_AFTER = 5000;
/** How often it is asked about a new agent, which a hook may still queue, and how often without an answer. */
const TRIES = 5;
const NOTHING = { running: 0, queued: 0, band: [], more: 0, tasks: [], chosen: null, queued_agents: {} };
const COLOURS = { running: 'suggestion', queued: 'warning', good: 'success', bad: 'error' };
const PANE = 'sisyphus';

let answer = NOTHING;
/** When the program was asked last, 0 if nothing asks again. Then: how often, and how often in a row in vain. */
let askedAt = 0;
let asks = 0;
let failures = 0;
/** What keeps the module asking, apart from tasks that run or wait. */
let isWorking = false;
let asksLeft = 0;
/** The agents whose rows were drawn, and the failures that the user has seen, by their ids. */
const agents = new Set();
const seen = new Set();
/** The task whose output the pane shows. */
let chosen;

export function register(on) {
  on('session.start', async ($, e, next) => {
    await $.command.register({ name: 'sisyphus', description: 'Show the background tasks', immediate: true });
    ask($);
    return next(e);
  });
  on('command.run', { command: 'sisyphus' }, async ($) => {
    chosen = undefined;
    ask($);
    await $.ui.open({ id: PANE, title: 'Background tasks', focus: true });
    return { text: 'Background tasks' };
  });
  on('prompt.submit', async ($, e, next) => {
    if (e.origin?.kind === 'composer') {
      answer.band.forEach((row) => row.tone === 'bad' && seen.add(row.id));
    }
    return next(e);
  });
  on('ui.render', { component: 'AbovePrompt' }, async ($, e, next) => {
    isWorking = e.props.isWorking;
    keepAsking($);
    const rows = answer.band.filter((row) => !seen.has(row.id));
    const others = await next(e);
    if (rows.length === 0 || e.props.hasSurvey) {
      return others;
    }
    const { Box, Text } = $.ui.resolve(e);
    const more = answer.more > 0 ? [Text({ dimColor: true, children: `and ${answer.more} more: /sisyphus` })] : [];
    return Box({ flexDirection: 'column', children: [others, ...rows.map((row) => line(Text, row)), ...more] });
  });
  on('ui.render', { component: 'Pane', requestId: PANE }, async ($, e) => {
    const { Box, Button, Text } = $.ui.resolve(e);
    const choose = (id) => () => {
      chosen = id;
      return ask($);
    };
    const list = () => {
      // A button is not cut where the pane ends.
      const cut = (it) => ({ ...it, how: it.how.slice(0, Math.max(0, e.props.bodyColumns - it.what.length - 8)) });
      const row = (it) => Button({ key: it.id, onPress: choose(it.id), children: [line(Text, cut(it))] });
      const none = failures > 0 ? 'Sisyphus does not answer.' : 'This session has no background tasks.';
      return answer.tasks.length > 0 ? answer.tasks.map(row) : [Text({ dimColor: true, children: none })];
    };
    const output = ({ task, lines, can_cancel }) => {
      const cancel = () => $.process.run([program($), 'cancel', task.id], { timeoutMs: 10 * ANSWER_WAIT });
      const stop = Button({ key: 'cancel', label: 'Cancel', onPress: () => cancel().then(() => ask($)) });
      const back = Button({ key: 'back', label: 'Back', onPress: choose(undefined) });
      const room = Math.max(1, (e.viewport?.rows ?? 24) - 8);
      const printed = lines.slice(-room).map((it) => Text({ wrap: 'truncate', children: it || ' ' }));
      return [Box({ columnGap: 1, children: can_cancel ? [back, stop] : [back] }), line(Text, task), ...printed];
    };
    const isChosen = chosen !== undefined && answer.chosen?.task.id === chosen;
    return Box({ flexDirection: 'column', children: isChosen ? output(answer.chosen) : list() });
  });
  on('ui.render', { component: 'AgentRow' }, async ($, e, next) => {
    const { id, label } = e.props;
    if (!agents.has(id)) {
      agents.add(id);
      asksLeft = TRIES;
    }
    keepAsking($);
    const place = Date.now() - askedAt > STALE_AFTER ? undefined : answer.queued_agents[id];
    return next(place === undefined ? e : { ...e, props: { ...e.props, label: `${place}: ${label}` } });
  });
}

/** A row as one line, which ends where the screen ends. */
function line(Text, row) {
  const sign = Text({ color: COLOURS[row.tone], children: row.sign + ' ' });
  return Text({ wrap: 'truncate', children: [sign, row.what, Text({ dimColor: true, children: '  ' + row.how })] });
}

function mayChange() {
  return isWorking || asksLeft > 0 || answer.running + answer.queued > 0;
}

/** Asks if the answer may have changed and nothing asks already. */
function keepAsking($) {
  if (mayChange() && Date.now() - askedAt > STALE_AFTER) {
    ask($);
  }
}

/** Asks what to show, and again while that may change. */
async function ask($) {
  const mine = (asks += 1);
  askedAt = Date.now();
  const before = JSON.stringify([answer, failures > 0]);
  const news = await read($);
  if (mine !== asks) return; // A later question has taken over.
  failures = news === undefined ? failures + 1 : 0;
  answer = news ?? (failures < TRIES ? answer : NOTHING);
  asksLeft -= 1;
  askedAt = mayChange() ? Date.now() : 0;
  if (JSON.stringify([answer, failures > 0]) !== before) {
    $.ui.invalidate('ui.render');
  }
  if (askedAt > 0) {
    $.clock.after(ASK_EVERY, () => mine === asks && ask($));
  }
}

/** The answer of the program, if there is one. */
async function read($) {
  try {
    const { transcriptPath } = await $.session.info();
    const asked = [program($), 'statusline', '--json', ...(chosen === undefined ? [] : ['--task', chosen])];
    const stdin = JSON.stringify({ transcript_path: transcriptPath });
    const { exitCode, stdout } = await $.process.run(asked, { timeoutMs: ANSWER_WAIT, stdin });
    return exitCode === 0 ? JSON.parse(stdout) : undefined;
  } catch {
    return undefined;
  }
}

function program($) {
  return $.plugin.root + '/bin/sisyphus';
}

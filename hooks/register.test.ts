// What `register.js` draws, with answers of the program that the tests make up. `claude plugin test` runs them.

import { expect, test } from 'claude-code/testing'

const PROMPT = { hasSurvey: false, isCollapsed: false, isWorking: false, maxRows: 9, bodyColumns: 80 }
const SCROLL = { scroll: { offset: 0, bodyRows: 8 }, view: {} }
const OURS = { plugin: 'sisyphus', surface: 'terminal' } as const
const BAND = { ...OURS, component: 'AbovePrompt', requestId: 'above-prompt', props: { ...PROMPT, ...SCROLL } } as const
const PANE = {
  ...OURS,
  component: 'Pane',
  requestId: 'sisyphus',
  props: { title: 'Background tasks', isFocused: true, bodyColumns: 60, placement: 'dock', ...SCROLL },
} as const

const row = (id: string, tone: string, what: string) => ({ id, tone, sign: '▶', what, how: '3 s' })
const BUILD = row('t1', 'running', 'build')
const TESTS = row('t2', 'bad', 'tests')
const NOTHING = { running: 0, queued: 0, band: [], more: 0, tasks: [], chosen: null, queued_agents: {} }
const BUSY = { ...NOTHING, running: 6, band: [BUILD, TESTS], more: 2, tasks: [BUILD, TESTS] }

/** Stands for Claude Code. Returns the command lines that the module starts. */
function starts(on, run: (argv: string[]) => unknown) {
  const started: string[][] = []
  on('command.register', () => ({ value: { command: 'sisyphus' } }))
  on('session.start', (_, e) => ({ cwd: e.cwd }))
  on('session.info', () => ({ value: { transcriptPath: '/p/s1.jsonl' } }))
  on('ui.open', () => ({ value: { isPlaced: true } }))
  on('prompt.submit', (_, e) => ({ text: e.text }))
  on('process.run', (_, e) => {
    started.push(e.argv.slice(1))
    return run(e.argv)
  })
  return started
}

const prints = (answer: unknown) => ({ value: { exitCode: 0, stdout: JSON.stringify(answer), stderr: '' } })

test('the band has a row for each task', async ($, on) => {
  starts(on, () => prints(BUSY))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const ui = await $.ui.mount(BAND)
  expect((await ui.find({ type: 'Text', text: /build/ }))?.text).toBe('▶ build  3 s')
  expect((await ui.find({ type: 'Text', text: /more/ }))?.text).toBe('and 2 more: /sisyphus')
  await ui.unmount()
})

test('a prompt takes the failure away', async ($, on) => {
  starts(on, () => prints(BUSY))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const before = await $.ui.mount(BAND)
  expect(await before.find({ type: 'Text', text: /tests/ })).toBeDefined()
  await before.unmount()
  await $.prompt.submit({ text: 'go on', wait: false, origin: { kind: 'composer' } })
  const ui = await $.ui.mount(BAND)
  expect(await ui.find({ type: 'Text', text: /tests/ })).toBeUndefined()
  expect(await ui.find({ type: 'Text', text: /build/ })).toBeDefined()
  await ui.unmount()
})

test('where nothing runs, nothing is drawn and nothing asks', async ($, on) => {
  const started = starts(on, () => prints(NOTHING))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const ui = await $.ui.mount(BAND)
  expect(await ui.find({ type: 'Text' })).toBeUndefined()
  await ui.unmount()
  expect(started).toEqual([['statusline', '--json']])
})

for (const [name, run] of [
  ['fails', () => ({ value: { exitCode: 1, stdout: '', stderr: 'broken' } })],
  ['prints no JSON', () => ({ value: { exitCode: 0, stdout: '▶1', stderr: '' } })],
  ['is missing', () => { throw new Error('ENOENT') }],
  ['never answers', () => new Promise(() => {})],
] as const) {
  test(`a program that ${name} changes nothing`, async ($, on) => {
    starts(on, run)
    await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
    const ui = await $.ui.mount(BAND)
    expect(await ui.find({ type: 'Text' })).toBeUndefined()
    await ui.unmount()
  })
}

test('a question without an answer leaves the band', async ($, on) => {
  let isWell = true
  starts(on, () => (isWell ? prints(BUSY) : { value: { exitCode: 1, stdout: '', stderr: '' } }))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const before = await $.ui.mount(BAND)
  expect(await before.find({ type: 'Text', text: /build/ })).toBeDefined()
  await before.unmount()
  isWell = false
  await $.command.run({ command: 'sisyphus', args: '' })
  const ui = await $.ui.mount(BAND)
  expect(await ui.find({ type: 'Text', text: /build/ })).toBeDefined()
  await ui.unmount()
})

test('a pane without an answer says so', async ($, on) => {
  starts(on, () => ({ value: { exitCode: 1, stdout: '', stderr: 'broken' } }))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const ui = await $.ui.mount(PANE)
  expect((await ui.find({ type: 'Text' }))?.text).toBe('Sisyphus does not answer.')
  await ui.unmount()
})

test('the pane shows an output and cancels', async ($, on) => {
  const chosen = { task: BUILD, lines: ['compiling'], can_cancel: true }
  const started = starts(on, (argv) => prints(argv.includes('--task') ? { ...BUSY, chosen } : BUSY))
  await $.session.start({ cwd: '/', surface: 'terminal', isInteractive: true })
  const ui = await $.ui.mount(PANE)
  expect(await ui.find({ type: 'Button', key: 't1' })).toBeDefined()
  await ui.press({ key: 't1' })
  expect((await ui.find({ type: 'Text', text: /compiling/ }))?.text).toBe('compiling')
  await ui.press({ key: 'cancel' })
  expect(started.some((argv) => argv.join(' ') === 'cancel t1')).toBe(true)
  await ui.press({ key: 'back' })
  expect(await ui.find({ type: 'Button', key: 't2' })).toBeDefined()
  await ui.unmount()
})

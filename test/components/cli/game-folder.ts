// A game folder for a test: the nil game, a source or a copy of an example, with a goworld.ini whose addresses are free.
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { RunFolder } from '../../../components/process/run-folder.ts'
import { Program, ROOT, run } from '../../program.ts'
import { tempFolder } from '../../temp-folder.ts'

const LAUNCHER = join(ROOT, 'components/cli/goworld')

const INI = `
[dispatcher_common]
http_addr=127.0.0.1:0
log_file=
[dispatcher1]
listen_addr=unix:dispatcher1.link
[game_common]
http_addr=
log_file=
[gate_common]
listen_addr=127.0.0.1:0
http_addr=127.0.0.1:0
log_file=
`

export interface GameFolderOptions {
  /** Of the game's module. */
  readonly source?: string
  /** Copies the folder of that example: its sources, and its pages. */
  readonly example?: string
  /** More files of it, by their paths inside. */
  readonly files?: Readonly<Record<string, string>>
  /** What else goworld.ini says. */
  readonly ini?: string
}

export class GameFolder {
  readonly path: string
  readonly run: RunFolder

  constructor({ source, example, files = {}, ini = '' }: GameFolderOptions = {}) {
    this.path = join(tempFolder(), example ?? 'chess')
    mkdirSync(this.path)
    this.run = new RunFolder(this.path)
    if (source !== undefined) writeFileSync(this.module, source)
    else if (example === undefined) copyFileSync(join(ROOT, 'examples/nil_game/nil_game.ts'), this.module)
    else copyExample(example, this.path)
    for (const [path, text] of Object.entries(files)) this.write(path, text)
    writeFileSync(join(this.path, 'goworld.ini'), INI + ini)
    onTestFinished(() => {
      for (const { pid, alive } of this.run.processes()) if (alive) process.kill(pid, 'SIGKILL')
    })
  }

  get module(): string {
    return join(this.path, `${basename(this.path)}.ts`)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    writeFileSync(join(this.path, path), text)
  }

  /** Runs `goworld <name> <this folder> …` to its end. */
  command(name: string, ...args: string[]) {
    return run(LAUNCHER, [name, this.path, ...args])
  }

  /** Runs `goworld <name> <this folder> …` for as long as the test. */
  begin(name: string, ...args: string[]): Program {
    return new Program(LAUNCHER, [name, this.path, ...args])
  }

  /** The pid of a process that runs here. */
  pidOf(role: 'dispatcher' | 'game' | 'gate' | 'dev', id = 1): number {
    const found = this.run.find({ role, id })
    if (!found?.alive) throw new Error(`${role}${id} does not run`)
    return found.pid
  }

  get running(): string[] {
    return this.run
      .processes()
      .filter(({ alive }) => alive)
      .map(({ role, id }) => `${role}${id}`)
  }
}

/** Without what a server of it has left behind. */
function copyExample(example: string, path: string): void {
  const left = /^(\.goworld|goworld-.*|goworld\.ini|.*\.(db|log)(-\w+)?)$/
  cpSync(join(ROOT, 'examples', example), path, { recursive: true, filter: (source) => !left.test(basename(source)) })
}

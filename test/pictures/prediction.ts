// Draws the pictures of docs/prediction.md from real runs of the code, the same every time:
//
//     node_modules/.bin/node test/pictures/prediction.ts
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  FAR as FAR_CLUSTER,
  frames,
  playerOf,
  Range,
  shooter,
  startRange,
  Target,
} from '../components/prediction/range.ts'
import { drawn, FAR, patrol } from '../engine/client/drawn-world.ts'
import { type Chart, chartSvg } from './chart.ts'

const FOLDER = resolve(import.meta.dirname, '../../docs/pictures')
const TRUTH = '#94a3b8'
const TOLD = '#f59e0b'
const DRAWN = '#0ea5e9'

const save = (name: string, chart: Chart) => writeFileSync(join(FOLDER, `${name}.svg`), chartSvg(chart))

/** Another player: where it is, what is told of it, what is drawn. */
async function smoothing(): Promise<void> {
  const [fromMs, toMs] = [6000, 9500]
  const at = patrol(5, [[0, 0], [4, 0]], 350) // biome-ignore format: a way
  const { frames: shown, told } = await drawn({ ms: toMs + 200, seed: 8, distance: FAR, at })
  const inside = <T>(points: T[], timeOf: (point: T) => number) =>
    points.filter((point) => timeOf(point) >= fromMs && timeOf(point) <= toMs)
  const times = Array.from({ length: (toMs - fromMs) / 20 }, (_, n) => fromMs + n * 20)
  save('smoothing', {
    title: 'Another player, 200 ± 50 ms away, 2 % loss',
    unit: 'x',
    lines: [
      { name: 'where it is', color: TRUTH, dashed: true, points: times.map((ms) => [ms, at(ms).x!]) },
      {
        name: 'what comes',
        color: TOLD,
        dots: true,
        points: inside(told, ({ comesMs }) => comesMs).map((one) => [one.comesMs, one.x]),
      },
      {
        name: 'what is drawn',
        color: DRAWN,
        points: inside(shown, ({ nowMs }) => nowMs).map((one) => [one.nowMs, one.x]),
      },
    ],
  })
}

/** The own player, pushed by the server while it walks. */
async function correction(): Promise<void> {
  const cluster = await startRange({ seed: 7 })
  const one = await shooter(cluster, FAR_CLUSTER)
  const drawnZ: [number, number][] = []
  const serverZ: [number, number][] = []
  const stateZ: [number, number][] = []
  let startMs = 0
  const note = (nowMs: number) => {
    drawnZ.push([nowMs - startMs, one.me.shown.z])
    stateZ.push([nowMs - startMs, one.me.state!.z])
    serverZ.push([nowMs - startMs, playerOf(cluster, one).position.z])
  }
  await frames(cluster, [one], 1000, { x: 0, z: 0 })
  startMs = cluster.clock.now()
  await frames(cluster, [one], 300, { x: 0, z: 0 }, note)
  await frames(cluster, [one], 500, { x: 0, z: 1 }, note)
  const player = playerOf(cluster, one)
  const { x, y, z } = player.position
  player.position = { x, y, z: z - 1.2 }
  const pushedMs = cluster.clock.now() - startMs
  await frames(cluster, [one], 900, { x: 0, z: 1 }, note)
  await frames(cluster, [one], 500, { x: 0, z: 0 }, note)
  save('correction', {
    title: 'The own player: steered at once, pushed by the server at half way',
    unit: 'z',
    lines: [
      { name: 'on the server', color: TRUTH, dashed: true, points: serverZ },
      { name: 'predicted', color: TOLD, points: stateZ },
      { name: 'what is drawn', color: DRAWN, points: drawnZ },
    ],
    notes: [
      { at: [300, drawnZ[18]![1]], text: 'a key is pressed', shift: [8, 16] },
      { at: [pushedMs, z - 1.2], text: 'pushed', shift: [8, 12] },
    ],
  })
  await cluster.stop()
}

/** A shot at another player. */
async function rewind(): Promise<void> {
  const cluster = await startRange({ seed: 3 })
  const one = await shooter(cluster, FAR_CLUSTER)
  const { game } = cluster.games[0]!.world
  const target = game.create(Target)
  void target.enterSpace(game.entitiesOf(Range)[0]!, { x: -16, y: 0, z: 20 })
  target.start()
  await frames(cluster, [one], 3000, { x: 0, z: 0 })
  const startMs = cluster.clock.now()
  const truth: [number, number][] = []
  const seen: [number, number][] = []
  const shown = () => one.client.entities.values().find(({ type }) => type === 'Target')!.shown
  const note = (nowMs: number) => {
    truth.push([nowMs - startMs, target.position.x])
    seen.push([nowMs - startMs, shown().x])
  }
  await frames(cluster, [one], 600, { x: 0, z: 0 }, note)
  const { lastNo } = one.me
  while (one.me.lastNo === lastNo) await frames(cluster, [one], 1, () => ({ x: 0, z: 0, fireAt: shown().x }), note)
  const shot: [number, number] = [cluster.clock.now() - startMs, shown().x]
  const player = playerOf(cluster, one)
  const { lastNo: shotNo } = one.me
  let arrived: [number, number] | undefined
  let back: [number, number] | undefined
  await frames(cluster, [one], 700, { x: 0, z: 0 }, (nowMs) => {
    note(nowMs)
    if (arrived || player.inputNo < shotNo) return
    arrived = [nowMs - startMs, target.position.x]
    const seenMs = player.seenAtMs - (cluster.clock.wallMs() - cluster.clock.now()) - startMs
    back = truth.reduce((nearest, point) =>
      Math.abs(point[0] - seenMs) < Math.abs(nearest[0] - seenMs) ? point : nearest,
    )
  })
  save('rewind', {
    title: 'A shot: judged by what the shooter saw',
    unit: 'x',
    lines: [
      { name: 'where the target is', color: TRUTH, dashed: true, points: truth },
      { name: 'where the shooter sees it', color: DRAWN, points: seen },
    ],
    notes: [
      { at: shot, text: 'fires', shift: [10, 14] },
      { at: arrived!, text: 'the server hears of it, and goes back', shift: [-10, -10], to: back! },
    ],
  })
  await cluster.stop()
}

await smoothing()
await correction()
await rewind()
process.stdout.write(`${FOLDER}: smoothing.svg correction.svg rewind.svg\n`)

// The page of the arena: puts its parts together, and runs a frame whenever the screen wants one.
import { showOverlay } from 'goworld/client/overlay'
import { Camera } from './camera.ts'
import { Controls } from './controls.ts'
import { byId, setText } from './dom.ts'
import { Effects } from './effects.ts'
import { Fight } from './fight.ts'
import { Hud } from './hud.ts'
import { Minimap } from './minimap.ts'
import { Net } from './net.ts'
import { NetworkPanel } from './network-panel.ts'
import { OwnPlayer } from './own-player.ts'
import { themeOf } from './palette.ts'
import { Scene } from './scene.ts'
import { Sound } from './sound.ts'
import { Spectator } from './spectator.ts'
import { Sticks } from './sticks.ts'
import { Talk } from './talk.ts'
import { Title } from './title.ts'
import type { BeastMirror, PlayerMirror, ShownPlace, ThingMirror } from './views.ts'

const FRAME_SECONDS_MAX = 0.1
/** On the way to another game one is nobody for less than that. */
const NO_PLAYER_MS = 1500

const field = byId<HTMLCanvasElement>('field')
const camera = new Camera()
const effects = new Effects()
const sound = new Sound()
const fight = new Fight(camera, effects, sound)
const hud = new Hud()
const minimap = new Minimap(byId<HTMLCanvasElement>('minimap'))
const sticks = new Sticks(field)
const controls = new Controls(field, sticks)
const spectator = new Spectator()
/** Until the player has been seen where it begins. */
let hasArrived = false
let isSmooth = true
let overlay: ReturnType<typeof showOverlay> | undefined

const net = new Net('/ws', {
  hall: (entries) => title.hall(entries),
  arrived(kind) {
    hasArrived = false
    const map = scene.map
    const { accent } = themeOf(kind)
    if (net.own) hud.arrived(map.name, accent)
    else document.body.style.setProperty('--accent', accent)
  },
  shot(view, weapon, aim, lengths) {
    if (!view.isOwn || !own.isPredicting) fight.shot(view, weapon, aim, lengths)
  },
  hit: (amount, x, z, isDead) => fight.hit(amount, x, z, isDead),
  hurt(amount, fromX, fromZ) {
    scene.pain = Math.min(1.4, scene.pain + 0.25 + amount / 40)
    if (net.own) fight.hurt(net.own, amount, fromX, fromZ)
  },
  died: (killer, backMs) => hud.died(killer, backMs, performance.now()),
  took: (kind) => net.own && fight.took(net.own, kind),
  said: (name, color, line) => hud.said(name, color, line),
  scores(best, players) {
    hud.scores(best, net.player)
    title.crowd(players)
  },
  killed: (...how) => hud.killed(...how),
  came: (name, color) => hud.came(name, color, 'came'),
  went: (name, color) => hud.came(name, color, 'went'),
  life: (view, before) => fight.life(view, before),
})
const own = new OwnPlayer(net.game)
const scene = new Scene(field, camera, effects, net)
const title = new Title(({ name, color, arena }) => net.join(name, color, arena))
const talk = new Talk(controls, (line) => net.say(line))
const panel = new NetworkPanel({
  latency(ms) {
    // As far-away players have it: uneven, and now and then something is lost on the way.
    net.game.simulateLatency(ms, ms / 4, ms > 0 ? 0.02 : 0)
  },
  predict(on) {
    own.isPredicting = on
  },
  smooth(on) {
    isSmooth = on
  },
  ghosts(on) {
    scene.showsGhosts = on
  },
  figures(on) {
    overlay?.close()
    overlay = on ? showOverlay(net.game, { parent: byId('net-overlay') }) : undefined
  },
})

own.onShot = (weapon, aim) => net.own && own.isPredicting && fight.ownShot(net.own, scene.map, weapon, aim)
own.onDash = () => net.own && fight.dashed(net.own)
sticks.onTap = () => controls.dash()
window.addEventListener('resize', () => camera.resize(field))
camera.resize(field)
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const beCalm = () => {
  camera.isCalm = effects.isCalm = calm.matches
}
calm.addEventListener('change', beCalm)
beCalm()
byId('sound-toggle').addEventListener('click', ({ currentTarget }) => {
  const button = currentTarget as HTMLElement
  const isOn = sound.toggle()
  setText(button, isOn ? 'sound on' : 'sound off')
  button.setAttribute('aria-pressed', String(isOn))
  button.blur()
})
let tries = 0
net.game.onConnection(({ attempt }) => {
  tries = attempt
})

let frameMs = performance.now()
/** When all was well. */
let wellMs = frameMs

function frame(nowMs: number): void {
  requestAnimationFrame(frame)
  const seconds = Math.min(FRAME_SECONDS_MAX, Math.max(0, (nowMs - frameMs) / 1000))
  frameMs = nowMs
  net.game.frame(nowMs)
  const isPlaying = net.own !== undefined
  if (isPlaying !== (document.body.dataset['view'] === 'play')) {
    document.body.dataset['view'] = isPlaying ? 'play' : 'title'
    if (isPlaying) hud.arrived(scene.map.name, themeOf(scene.map.kind).accent)
  }
  talk.isAllowed = isPlaying
  updateViews(seconds, nowMs)
  effects.update(seconds)
  scene.pain *= Math.exp(-seconds * 3.2)
  scene.draw(nowMs, controls, sticks, isPlaying)
  if (net.own) {
    hud.update(net.own.mirror, own.dash, nowMs)
    minimap.draw(scene.map, net.own, net.players.values(), net.beasts.values(), net.things.values(), nowMs)
  }
  panel.update(net.game, own, nowMs)
  hud.banner(trouble(nowMs))
}

/** What keeps the visitor from playing. */
function trouble(nowMs: number): string {
  const { closed, connection, player } = net.game
  if (closed !== undefined) return `The connection is over: ${closed}. Load the page again to play on.`
  if (connection !== 'open' || player) wellMs = nowMs
  const again = tries > 1 ? `; trying again (${tries})` : ''
  if (connection === 'lost') return `connection lost${again}`
  if (connection === 'connecting') return again && `no server there${again}`
  return nowMs - wellMs > NO_PLAYER_MS ? 'the game is away; it goes on when it is back' : ''
}

function updateViews(seconds: number, nowMs: number): void {
  for (const view of net.players.values()) if (!view.isOwn) view.update(placeOf(view), seconds)
  for (const view of net.beasts.values()) view.update(placeOf(view), seconds)
  for (const view of net.things.values()) view.update(placeOf(view), seconds)
  const view = net.own
  if (!view) return spectator.update(camera, net, scene.map, seconds, nowMs)
  controls.read(camera.screenX(view.x), camera.screenZ(view.z))
  view.update(own.update(view.mirror, controls, nowMs), seconds)
  const ahead = 2.6
  const angle = (controls.aim / 1800) * Math.PI
  const leadX = sticks.isUsed ? 0 : Math.cos(angle) * ahead
  const leadZ = sticks.isUsed ? 0 : Math.sin(angle) * ahead
  if (!hasArrived) {
    hasArrived = true
    camera.jump(view.x, view.z)
    fight.arrived(view.x, view.z, themeOf(scene.map.kind).accent)
  }
  camera.follow(scene.map, view.x + leadX, view.z + leadZ, seconds, 9)
}

/** Where somebody is drawn: between the places that the server has told, or, to compare, at the last one. */
const placeOf = ({ mirror }: { readonly mirror: AnyShown }): ShownPlace => (isSmooth ? mirror.shown : rawPlace(mirror))

type AnyShown = PlayerMirror | BeastMirror | ThingMirror
const raw = { x: 0, z: 0, yaw: 0 }
function rawPlace({ position, yaw }: AnyShown): ShownPlace {
  raw.x = position.x
  raw.z = position.z
  raw.yaw = yaw
  return raw
}

// For the console of a browser, and for tests.
Object.assign(window, { arena: { net, own, camera, controls } })
requestAnimationFrame(frame)

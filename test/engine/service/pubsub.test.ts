// Publish and subscribe: who hears what, and how often.
import { afterEach, describe, expect, it } from 'vitest'
import { entity } from '../../../engine/entity/entity.ts'
import { freezeWorld } from '../../../engine/entity/freezing.ts'
import { restoreWorld } from '../../../engine/entity/restoring.ts'
import { PublishSubscribeService } from '../../../engine/service/pubsub.ts'
import { Harness } from '../entity/harness.ts'

class Listener extends entity({}) {
  heard: string[] = []
  OnPublish(subject: string, content: string) {
    this.heard.push(`${subject}: ${content}`)
  }
}

let harness: Harness
afterEach(() => harness.stop())

function start() {
  harness = new Harness([Listener, PublishSubscribeService])
  const service = harness.service(PublishSubscribeService)
  const [ann, bob] = [harness.game.create(Listener), harness.game.create(Listener)]
  harness.take()
  const publish = async (...subjects: string[]) => {
    for (const subject of subjects) service.Publish(subject, 'x')
    await harness.settle()
  }
  return { service, ann, bob, publish }
}

describe('a subscriber', () => {
  it('hears exactly its subject, with what was published', async () => {
    const { service, ann, bob, publish } = start()
    service.Subscribe(ann.id, 'npc')
    service.Subscribe(bob.id, 'item')
    await publish('npc', 'npc_', 'np', 'NPC', 'n', '')
    expect(ann.heard).toEqual(['npc: x'])
    expect(bob.heard).toEqual([])
  })

  it('hears all that begins with what stands before the *', async () => {
    const { service, ann, publish } = start()
    service.Subscribe(ann.id, 'boss_*')
    await publish('boss_7', 'boss_', 'boss_7_8', 'boss', 'Boss_7', 'a boss_7')
    expect(ann.heard).toEqual(['boss_7: x', 'boss_: x', 'boss_7_8: x'])
  })

  it('of * alone hears everything, of a subject of no letters only that', async () => {
    const { service, ann, bob, publish } = start()
    service.Subscribe(ann.id, '*')
    service.Subscribe(bob.id, '')
    await publish('npc', '')
    expect(ann.heard).toEqual(['npc: x', ': x'])
    expect(bob.heard).toEqual([': x'])
  })

  it('hears once what it subscribed to twice, or in several ways', async () => {
    const { service, ann, publish } = start()
    for (const subject of ['boss_7', 'boss_7', 'boss_*', 'boss_*', 'b*', '*']) service.Subscribe(ann.id, subject)
    await publish('boss_7')
    expect(ann.heard).toEqual(['boss_7: x'])
  })

  it('hears beside all others of the subject', async () => {
    const { service, ann, bob, publish } = start()
    service.Subscribe(ann.id, 'npc')
    service.Subscribe(bob.id, 'n*')
    await publish('npc')
    expect([ann.heard, bob.heard]).toEqual([['npc: x'], ['npc: x']])
  })

  it('of another game is called there', async () => {
    const { service, publish } = start()
    service.Subscribe('elsewhere0000001', 'npc')
    await publish('npc')
    expect(harness.take()).toMatchObject([{ name: 'callEntity', values: { entityId: 'elsewhere0000001' } }])
  })
})

describe('whoever unsubscribes', () => {
  it('hears no more of that subject, but of its others, as do the others of it', async () => {
    const { service, ann, bob, publish } = start()
    for (const subject of ['npc', 'item', 'boss_*']) service.Subscribe(ann.id, subject)
    service.Subscribe(bob.id, 'npc')
    service.Unsubscribe(ann.id, 'npc')
    await publish('npc', 'item', 'boss_7')
    expect(ann.heard).toEqual(['item: x', 'boss_7: x'])
    expect(bob.heard).toEqual(['npc: x'])
  })

  it('of a prefix says so with the *, and keeps what it has beside it', async () => {
    const { service, ann, publish } = start()
    service.Subscribe(ann.id, 'boss_*')
    service.Subscribe(ann.id, 'boss_7')
    service.Unsubscribe(ann.id, 'boss_')
    await publish('boss_1')
    service.Unsubscribe(ann.id, 'boss_*')
    await publish('boss_2', 'boss_7')
    expect(ann.heard).toEqual(['boss_1: x', 'boss_7: x'])
  })

  it('after subscribing twice is out at once, and may come back', async () => {
    const { service, ann, publish } = start()
    service.Subscribe(ann.id, 'npc')
    service.Subscribe(ann.id, 'npc')
    service.Unsubscribe(ann.id, 'npc')
    await publish('npc')
    expect(ann.heard).toEqual([])
    service.Subscribe(ann.id, 'npc')
    await publish('npc')
    expect(ann.heard).toEqual(['npc: x'])
  })

  it('from all hears nothing more, while the others do', async () => {
    const { service, ann, bob, publish } = start()
    for (const { id } of [ann, bob]) for (const subject of ['npc', 'boss_*', '*']) service.Subscribe(id, subject)
    service.UnsubscribeAll(ann.id)
    await publish('npc', 'boss_7')
    expect(ann.heard).toEqual([])
    expect(bob.heard).toEqual(['npc: x', 'boss_7: x'])
  })

  it('without having subscribed changes nothing', async () => {
    const { service, ann, bob, publish } = start()
    service.Subscribe(bob.id, 'npc')
    service.Unsubscribe(ann.id, 'npc')
    service.Unsubscribe(bob.id, 'item')
    service.UnsubscribeAll(ann.id)
    await publish('npc')
    expect(bob.heard).toEqual(['npc: x'])
  })
})

describe('a game that is frozen', () => {
  it('brings all subscriptions back, and what is undone later is undone', async () => {
    const { service, ann, bob } = start()
    for (const subject of ['npc', 'boss_*']) service.Subscribe(ann.id, subject)
    service.Subscribe(bob.id, 'boss_*')
    const chunks = freezeWorld(harness.world)
    harness.stop()

    harness = new Harness([Listener, PublishSubscribeService], { starts: false })
    restoreWorld(harness.world, chunks)
    const [again] = harness.game.entitiesOf(PublishSubscribeService)
    const heard = (id: Listener['id']) => harness.game.entity(id)!.heard
    for (const subject of ['npc', 'boss_7']) again!.Publish(subject, 'x')
    await harness.settle()
    expect([heard(ann.id), heard(bob.id)]).toEqual([['npc: x', 'boss_7: x'], ['boss_7: x']])
    again!.UnsubscribeAll(ann.id)
    again!.Publish('boss_8', 'x')
    await harness.settle()
    expect([heard(ann.id).length, heard(bob.id).length]).toEqual([2, 2])
    expect([...again!.subjects.keys()]).toEqual([bob.id])
  })
})

describe('what cannot be', () => {
  it('publishing to nobody does nothing', async () => {
    const { ann, publish } = start()
    await publish('npc', '')
    expect(ann.heard).toEqual([])
    expect(harness.take()).toEqual([])
  })

  it('a * is published, or stands elsewhere than at the end', async () => {
    const { service, ann, publish } = start()
    service.Subscribe(ann.id, 'boss_*')
    for (const subject of ['boss_*', '*', 'a*b'])
      expect(() => service.Publish(subject, 'x')).toThrow(`'${subject}' cannot be published`)
    for (const subject of ['*a', 'a*b', 'a**'])
      expect(() => service.Subscribe(ann.id, subject)).toThrow(`'${subject}': a '*' may only stand at the end`)
    await publish('a', 'axb')
    expect(ann.heard).toEqual([])
  })

  it('a subscriber that is no entity is refused and leaves nothing behind', async () => {
    const { service, publish } = start()
    expect(() => service.Subscribe('nobody', 'npc')).toThrow(TypeError)
    await publish('npc')
    expect(harness.take()).toEqual([])
  })
})

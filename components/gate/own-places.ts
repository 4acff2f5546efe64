// Where a game has put the player of a client that moves it itself. What the client says of its place before it has heard so is of
// where it was before; so its game takes none of that until we say that it has heard.
//
//     record is said ──> told ──client has acknowledged all until then──> heard: `placeHeard` to the game
//         └── the client has no session: nobody can tell, it counts as heard ──────^
import { ID_BYTES } from '../../engine/base/id.ts'
import type { Cluster } from '../../engine/cluster/cluster.ts'
import { readLatin1 } from '../../engine/wire/packet.ts'
import { recordX, recordY, recordZ } from '../../engine/wire/sync.ts'
import type { Client } from './client.ts'

/** In `Session.placeToldAt`, beside places in the client's stream: there is nothing to wait for; */
export const HEARD = -1
/** the record waits for others, and is not in the stream yet. */
const LATE = -2

export class OwnPlaces {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** The client is told where its player is, in what is gathered for it. */
  told(client: Client): void {
    const { session, output } = client
    if (!client.syncing) return
    // Who was lost before its welcome is told everything anew when it comes again.
    if (session) session.placeToldAt = output.isLate ? LATE : (output.streamEnd ?? HEARD)
    else this.#heard(client)
  }

  /** A client with a session has acknowledged some of what was said to it. */
  acknowledged(client: Client): void {
    const { output } = client
    const session = client.session!
    const { placeToldAt } = session
    if (placeToldAt === HEARD) return
    if (placeToldAt === LATE) {
      if (!output.isLate) session.placeToldAt = output.streamEnd ?? HEARD
    } else if (session.kept.isAcknowledged(placeToldAt)) {
      session.placeToldAt = HEARD
      this.#heard(client)
    }
  }

  /** Unless it has been put elsewhere since, of which it hears soon. */
  #heard({ player }: Client): void {
    if (!player?.ownRecord || player.ownMoved) return
    const record = player.ownRecord
    const link = this.#cluster.toEntityBytes(record, 0)
    if (!link.up) return
    const entityId = readLatin1(record, 0, ID_BYTES)
    link.send('placeHeard', { entityId, x: recordX(record, 0), y: recordY(record, 0), z: recordZ(record, 0) })
  }
}

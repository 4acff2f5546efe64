// Plays a few rounds and prints how it went: player.ts NAME [host:port of the gate]
import { connect } from 'goworld/client'
import { tcpStream } from 'goworld/client/tcp'
import type * as server from './leaderboard.ts'

const [name = 'Ada', gate = '127.0.0.1:14000'] = process.argv.slice(2)
const ROUNDS = 3

const leaderboard = connect<typeof server>(tcpStream(gate))
leaderboard.on('Account', {
  created() {
    this.server.enter(name)
    for (let round = 1; round <= ROUNDS; round++) this.server.finished(round * name.length * 10)
  },
  personalBest(best, rounds) {
    console.log(`${name}: best ${best} in ${rounds} rounds`)
    if (rounds % ROUNDS === 0) this.server.showTop()
  },
  top(places) {
    for (const [place, [who, best]] of places.entries()) console.log(`${place + 1}. ${who} ${best}`)
    leaderboard.close()
  },
})

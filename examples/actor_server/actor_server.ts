// The game of the actor server: nothing but sessions, one for each client.
import { game } from 'goworld'
import { Session } from './session.ts'

export default game([Session])

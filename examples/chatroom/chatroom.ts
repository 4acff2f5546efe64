// A chat room, with the entity types, methods and attributes of GoWorld's, so that its clients are at home here: register,
// log in, talk, `/join` another room. Who is where is told by attributes, to clients that look at them: web/ is one.
import { game } from 'goworld'
import { Account } from './account.ts'
import { Avatar } from './avatar.ts'
import { RoomService } from './room_service.ts'

export { Account, Avatar }

export default game([Account, Avatar, RoomService])

// Stands in every space, to be seen.
import { attr, entity } from 'goworld'

export class Monster extends entity({ aoi: 100, attrs: { name: attr('', 'allClients') } }) {}

// The client's single file and the motion's, built and loaded: what their tests put in the place of the sources.
import { bundleClient } from '../../../components/web/bundle.ts'

export const files = await bundleClient()

const load = (text: string): Promise<object> => import(`data:text/javascript,${encodeURIComponent(text)}`)

export const client = await load(files['goworld-client.js'])
export const motion = await load(files['goworld-motion.js'])

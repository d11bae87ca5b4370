/** Words of an app: quoted, inert, and kept from changing the direction of ours. */
export function Reason({ text }: { text: string }) {
  return (
    <q class="reason">
      <bdi dir="auto">{text}</bdi>
    </q>
  )
}

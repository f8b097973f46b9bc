/** Says who is typing. */
export function Typing({ names }: { names: string[] }) {
  return (
    <p className="typing" role="status">
      {names.length > 0 && (
        <>
          <span className="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {names.join(', ')} is typing
        </>
      )}
    </p>
  );
}

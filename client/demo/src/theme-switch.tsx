import { useEffect, useState } from 'react';
import { Icon } from './icon.js';

const KEPT = 'funnelcast-demo:theme';

/** Switches between light and dark. Until it is used, the setting of the device applies. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(() => localStorage.getItem(KEPT) ?? preferred());
  useEffect(() => {
    document.documentElement.style.colorScheme = theme;
  }, [theme]);
  const other = theme === 'dark' ? 'light' : 'dark';
  const choose = () => {
    localStorage.setItem(KEPT, other);
    setTheme(other);
  };
  return (
    <button type="button" className="icon-button" aria-label={`Switch to ${other} colours`} onClick={choose}>
      <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
    </button>
  );
}

function preferred(): string {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

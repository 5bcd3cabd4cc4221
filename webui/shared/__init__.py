"""What both sites share: how a page looks, how it is protected, how somebody signs in."""

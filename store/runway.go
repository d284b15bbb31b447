package store

type runway struct{}

func (d *disk) prepare(group int) {}

func (d *disk) beforeOpen() error { return nil }

package rpc

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/resource"
)

// Preferences implements notificationsv1.PreferenceServiceServer.
type Preferences struct {
	notificationsv1.UnimplementedPreferenceServiceServer
	app *app.App
}

// NewPreferences makes the service over its use cases.
func NewPreferences(a *app.App) *Preferences { return &Preferences{app: a} }

// GetNotificationPreferences implements notificationsv1.PreferenceServiceServer.
func (s *Preferences) GetNotificationPreferences(
	ctx context.Context, req *notificationsv1.GetNotificationPreferencesRequest,
) (*notificationsv1.NotificationPreferences, error) {
	member, err := ownerOf(ctx, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	p, err := s.app.Preferences(ctx, member)
	if err != nil {
		return nil, err
	}
	return resource.Preferences(p), nil
}

// UpdateNotificationPreferences implements notificationsv1.PreferenceServiceServer.
func (s *Preferences) UpdateNotificationPreferences(
	ctx context.Context, req *notificationsv1.UpdateNotificationPreferencesRequest,
) (*notificationsv1.NotificationPreferences, error) {
	given := req.GetNotificationPreferences()
	member, err := ownerOf(ctx, "notification_preferences.name", given.GetName())
	if err != nil {
		return nil, err
	}
	change, err := preferencesChange(given, req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	if err := sameWorkspace(given); err != nil {
		return nil, err
	}
	p, err := s.app.UpdatePreferences(ctx, member, change, fresh("notification_preferences.etag", given.GetEtag()))
	if err != nil {
		return nil, err
	}
	return resource.Preferences(p), nil
}

// sameWorkspace refuses to mute what is in another workspace.
func sameWorkspace(p *notificationsv1.NotificationPreferences) error {
	ws, err := resname.Workspace("notification_preferences.name", p.GetName())
	if err != nil {
		return err
	}
	for i, name := range p.GetMuted() {
		field := "notification_preferences.muted[" + strconv.Itoa(i) + "]"
		other, err := resname.Workspace(field, name)
		if err != nil {
			return err
		}
		if other != ws {
			return fault.InvalidField(field, "must be of the same workspace")
		}
	}
	return nil
}

// fresh is the check of an etag that a request gave in a field; none where it gave none.
func fresh(field, tag string) app.Fresh {
	if tag == "" {
		return nil
	}
	return func(version int64) error { return etag.Check(field, tag, version) }
}

// preferencesChange reads an update: the fields of the mask, all of them without one.
func preferencesChange(p *notificationsv1.NotificationPreferences, mask *fieldmaskpb.FieldMask) (domain.PreferencesChange, error) {
	paths := mask.GetPaths()
	if mask == nil || len(paths) == 1 && paths[0] == "*" {
		paths = []string{"channels", "digest_disabled", "muted", "collapse_minutes"}
	}
	var change domain.PreferencesChange
	for _, path := range paths {
		switch path {
		case "channels":
			channels := channelsFrom(p.GetChannels())
			change.Channels = &channels
		case "digest_disabled":
			disabled := p.GetDigestDisabled()
			change.DigestDisabled = &disabled
		case "muted":
			muted := p.GetMuted()
			change.Muted = &muted
		case "collapse_minutes":
			collapse := time.Duration(p.GetCollapseMinutes()) * time.Minute
			change.Collapse = &collapse
		default:
			return domain.PreferencesChange{}, fault.InvalidField("update_mask",
				path+" cannot be changed; only channels, digest_disabled, muted and collapse_minutes")
		}
	}
	return change, nil
}

func channelsFrom(all []*notificationsv1.UrgencyChannels) []domain.UrgencyChannels {
	out := []domain.UrgencyChannels{}
	for _, one := range all {
		channels := domain.UrgencyChannels{Urgency: domain.Urgency(one.GetUrgency())}
		for _, c := range one.GetChannels() {
			channels.Channels = append(channels.Channels, domain.Channel(c.String()))
		}
		out = append(out, channels)
	}
	return out
}
